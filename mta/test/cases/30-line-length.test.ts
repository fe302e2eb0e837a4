/** 30. No line has more than 998 octets before its CRLF (RFC 5321 §4.5.3.1.6, RFC 5322 §2.1.1). */
import { describe, expect, it } from 'vitest';
import { hasLongLine } from '../../message/long-line.ts';
import { judge } from '../../queue/outcome.ts';
import { relayTo, startMta } from '../mta-harness.ts';
import { startPeer } from '../peer.ts';
import { BYE, HELLO, takes } from '../small-internet.ts';
import { mail, open, PIPELINING } from '../smtp-helpers.ts';

const x = (count: number): string => 'x'.repeat(count);

it('what a content holds in one line is wrapped, header and body', async () => {
  const peer = await startPeer([[...HELLO, ...takes('taro@example.com'), ...BYE]]);
  const mta = await startMta({ routes: relayTo(peer.port) });
  const job = mta.send(['taro@example.com'], {
    from: { name: '"'.repeat(700), address: 'news@example.jp' },
    subject: x(5000),
    text: `${x(5000)} ${'届け'.repeat(1000)}`,
    html: `<p>${x(5000)}</p><a href="https://example.jp/${x(1500)}">y</a>`,
    headers: { 'X-Long': x(3000), 'X-Words': 'ab '.repeat(1000) },
    list: { id: 'news', name: '届け'.repeat(400) },
    attachments: [
      { filename: `${x(1200)}.pdf`, contentType: 'application/pdf', content: x(4000) },
      { filename: `${'案'.repeat(500)}.pdf`, contentType: 'application/pdf', content: 'QQ==' },
    ],
  });
  expect(await mta.settled(job)).toMatchObject({ delivered: 1 });
  await mta.close();
  await peer.done;
  await peer.stop();
  const lengths = peer.messages[0]!.toString('latin1')
    .split('\r\n')
    .map((line) => line.length);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(998);
});

it('the session itself refuses a longer one before MAIL, and takes the next mail', async () => {
  const peer = await startPeer([[...PIPELINING, 'C= QUIT', 'S: 221 Bye']]);
  const session = await open(peer.port);
  const outcome = await session.send(mail({ message: Buffer.from(`Subject: x\r\n\r\n${x(999)}\r\n`) }));
  expect(outcome).toMatchObject({ kind: 'local', reply: { code: 554, status: '5.6.0' } });
  // The content's fault, not the address's.
  expect(judge(outcome, 'generic')).toMatchObject({ kind: 'bounced', reason: 'content', phase: 'none' });
  expect(session.canSend).toBe(true);
  await session.quit();
  await peer.done;
  await peer.stop();
});

describe('long lines are found', () => {
  it.each<[string, string, boolean]>([
    ['998 octets', `${x(998)}\r\n`, false],
    ['999 octets', `${x(999)}\r\n`, true],
    ['998 at the end without CRLF', `a\r\n${x(998)}`, false],
    ['999 at the end without CRLF', `a\r\n${x(999)}`, true],
    ['a long line after short ones', `${`${x(70)}\r\n`.repeat(100)}${x(999)}\r\n`, true],
    ['a long line before short ones', `${x(999)}\r\n${`${x(70)}\r\n`.repeat(100)}`, true],
    ['lines of 998 one after another', `${x(998)}\r\n`.repeat(50), false],
    ['empty', '', false],
  ])('%s', (_, message, long) => {
    expect(hasLongLine(Buffer.from(message))).toBe(long);
  });
});
