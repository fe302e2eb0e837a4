/**
 * SMTP smuggling, outbound: line breaks of any kind in any field of a content or of a recipient's values never reach the wire, so
 * no server, however it ends lines and messages, sees a second mail or a second header field.
 */
import { expect, it } from 'vitest';
import type { ContentSource, MergeValues } from '../types.ts';
import { relayTo, startMta } from './mta-harness.ts';
import { startPeer } from './peer.ts';
import { takesAll } from './small-internet.ts';

/** What ends a message at one server or another (RFC 5321 allows the last alone). */
const ENDS = [
  '\n.\n',
  '\r.\r',
  '\n.\r\n',
  '\r\n.\n',
  '\r\n.\r',
  '\r.\r\n',
  '\n.\r',
  '\r\n\0.\r\n',
  '\r\n.\r\n',
];
const HOSTILE = ENDS.map(
  (end) =>
    `x${end}MAIL FROM:<evil@example.com>\r\nRCPT TO:<victim@example.com>\nDATA\rSubject: smuggled${end}`,
).join('');

const base: ContentSource = {
  from: { name: 'Example', address: 'news@example.jp' },
  subject: 'Hello',
  text: 'Hello',
  html: '<p>Hello</p>',
  track: { opens: true, clicks: true },
};
const file = {
  filename: 'a.txt',
  contentType: 'text/plain',
  content: Buffer.from('Hello').toString('base64'),
};

const FIELDS: [string, Partial<ContentSource>, MergeValues?][] = [
  ['text', { text: HOSTILE }],
  ['HTML', { html: `<pre>${HOSTILE}</pre>` }],
  ['a link', { html: `<a href="https://example.jp/${HOSTILE}">x</a>` }],
  ['subject', { subject: HOSTILE }],
  ["the sender's name", { from: { name: HOSTILE, address: 'news@example.jp' } }],
  ["the list's name", { list: { id: 'news', name: HOSTILE } }],
  ["the list's id", { list: { id: HOSTILE, name: 'News' } }],
  ["the campaign's id", { feedbackId: HOSTILE, list: { id: 'news', name: 'News' } }],
  ['an attachment', { attachments: [{ ...file, content: Buffer.from(HOSTILE).toString('base64') }] }],
  [
    'base64 with line breaks',
    { attachments: [{ ...file, content: 'SGVs\r\n.\r\nbG8=\n'.replace('.', '') }] },
  ],
  ['values in the text', { text: '{{ name }}' }, { name: HOSTILE }],
  ['values in the HTML', { html: '<p>{{ name }}</p><a href="{{ name }}">x</a>' }, { name: HOSTILE }],
  ['values in the subject', { subject: '{{ name }}' }, { name: HOSTILE }],
  ['values through conditions', { text: '{% if name %}{{ name }}{% endif %}' }, { name: HOSTILE }],
];
/** Refused when the content is compiled: the mail bounces and nothing of it is sent. */
const REFUSED: [string, Partial<ContentSource>][] = [
  ["the sender's address", { from: { name: '', address: `news@example.jp${HOSTILE}` } }],
  ['reply-to', { replyTo: `desk@example.jp${HOSTILE}` }],
  ["a header field's value", { headers: { 'X-A': HOSTILE } }],
  ["a header field's name", { headers: { [`X-A: b${HOSTILE}`]: 'x' } }],
  ["a file's name", { attachments: [{ ...file, filename: `a${HOSTILE}.txt` }] }],
  ["a file's type", { attachments: [{ ...file, contentType: `text/plain${HOSTILE}` }] }],
  ["an image's cid", { attachments: [{ ...file, cid: `a${HOSTILE}` }] }],
];

it('line breaks in any field arrive as CRLF or not at all', async () => {
  const peer = await startPeer([], { others: [takesAll] });
  const mta = await startMta({ routes: relayTo(peer.port, { connections: 1 }) });
  const jobs = FIELDS.map(([, source, merge = {}], n) => {
    const job = mta.spool.createJob({ ref: `smuggle:${n}`, class: 'bulk', content: { ...base, ...source } });
    const row = { address: `n${n}@example.com`, subscriberId: 1, listId: 1, merge };
    mta.spool.enqueue(job, { from: 0, to: 1, rows: [row] });
    mta.spool.seal(job);
    return job;
  });
  mta.mta.send({ type: 'wake', jobId: jobs[0]! });
  for (const [n, job] of jobs.entries())
    expect([FIELDS[n]![0], (await mta.settled(job)).delivered]).toEqual([FIELDS[n]![0], 1]);
  await mta.close();
  await peer.stop();

  // As many envelopes as mails: nothing in a body was read as a command.
  expect(peer.lines.filter((line) => line.startsWith('RCPT')).sort()).toEqual(
    FIELDS.map((_, n) => `RCPT TO:<n${n}@example.com>`).sort(),
  );
  expect(peer.messages).toHaveLength(FIELDS.length);
  for (const bytes of peer.messages) {
    const wire = bytes.toString('latin1');
    const n = Number(/^To: n(\d+)@/m.exec(wire)![1]);
    const what = FIELDS[n]![0];
    expect([what, /[\r\n\0]/.exec(wire.replaceAll('\r\n', ''))]).toEqual([what, null]);
    // No line that is a dot, dot-stuffed or not, whoever splits it where.
    expect([what, wire.split(/\r\n|\r|\n/).filter((line) => /^\.+$/.test(line))]).toEqual([what, []]);
    const header = wire.slice(0, wire.indexOf('\r\n\r\n'));
    const names = header
      .replace(/\r\n[ \t]/g, ' ')
      .split('\r\n')
      .map((field) => field.slice(0, field.indexOf(':')));
    expect([what, names.filter((name) => !/^[A-Za-z-]+$/.test(name))]).toEqual([what, []]);
    expect([what, names.filter((name) => name === 'Subject')]).toEqual([what, ['Subject']]);
    expect([what, names.length - new Set(names).size]).toEqual([what, 0]);
  }
});

it('what cannot be made harmless is refused, and no server hears of it', async () => {
  const peer = await startPeer([], { others: [takesAll] });
  const mta = await startMta({ routes: relayTo(peer.port) });
  for (const [what, source] of REFUSED) {
    const job = mta.send(['taro@example.com'], source);
    expect([what, (await mta.settled(job)).bounced]).toEqual([what, 1]);
    expect(mta.ledger(job)).toMatchObject([
      { kind: 'bounced', reason: 'content', status: '5.6.0', phase: 'none' },
    ]);
  }
  await mta.close();
  await peer.stop();
  expect(peer.lines.filter((line) => !/^(EHLO me\.test|QUIT)$/.test(line))).toEqual([]);
});
