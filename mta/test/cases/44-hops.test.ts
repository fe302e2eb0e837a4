/** 44. A mail that carries more than 50 Received fields goes round in circles: 5.4.6 (RFC 5321 §6.3). */
import { expect, it } from 'vitest';
import { countHops, loopRefusal } from '../../message/hops.ts';
import { classify } from '../../verdict/verdict.ts';

const received = (count: number): string =>
  'Received: from a.test by b.test\r\n\twith ESMTP; Wed, 04 Nov 2026 01:02:03 +0000\r\n'.repeat(count);
const message = (header: string, body = 'Hello\r\n'): Buffer => Buffer.from(`${header}\r\n${body}`);

it.each([
  [0, undefined],
  [1, undefined],
  [50, undefined],
  [51, { code: 554, status: '5.4.6', reason: 'loop' }],
  [300, { code: 554, status: '5.4.6', reason: 'loop' }],
])('%i hops', (hops, refusal) => {
  const mail = message(`${received(hops)}From: a@example.jp\r\nSubject: x\r\n`);
  expect(countHops(mail)).toBe(hops);
  if (refusal === undefined) expect(loopRefusal(mail)).toBeUndefined();
  else expect(loopRefusal(mail)).toMatchObject({ ...refusal, text: expect.stringContaining(String(hops)) });
});

it.each<[string, Buffer, number]>([
  [
    'in any case, with white space before the colon',
    message('RECEIVED: x\r\nreceived \t: y\r\nReceived:z\r\n'),
    3,
  ],
  ['none in the body', message('Subject: x\r\n', received(60)), 0],
  ['none in a mail that is attached', message('Received: x\r\n', `--b\r\n\r\n${received(60)}`), 1],
  ['none in a folded line', message('Subject: x\r\n Received: y\r\n\tReceived: z\r\n'), 0],
  ['none by a longer name', message('Received-SPF: pass\r\nX-Received: by b.test\r\n'), 0],
  ['with bare LF', Buffer.from('Received: a\nReceived: b\n\nReceived: c\n'), 2],
  ['without a body', Buffer.from('Received: a\r\nReceived: b'), 2],
  ['an empty mail', Buffer.from(''), 0],
  ['a body alone', Buffer.from('\r\nReceived: x\r\n'), 0],
])('are counted: %s', (_, mail, hops) => {
  expect(countHops(mail)).toBe(hops);
});

it("another server's word for it is a loop as well", () => {
  const reply = { code: 554, status: '5.4.6', text: '554 5.4.6 Too many hops' };
  expect(classify({ phase: 'dot', reply, provider: 'generic' })).toEqual({
    verdict: 'bounced',
    reason: 'loop',
  });
});
