/** What the listener takes, what it refuses, and that a 250 means: on disk. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTokenKey } from '../message/token.ts';
import { verpAddress } from '../message/verp.ts';
import {
  BOUNCE,
  IDS,
  type Listener,
  type Step,
  startListener,
  TEST_KEY,
  UNSUBSCRIBE,
} from './inbound-client.ts';

let listener: Listener;
beforeAll(async () => {
  listener = await startListener();
});
afterAll(() => listener.stop());

const HELLO: Step[] = ['S: 220 mx.example.jp', 'C: EHLO me.test', 'S: 250'];
const BYE: Step[] = ['C: QUIT', 'S: 221', '*** eof'];

it('a mail to a signed return path is on disk when it is answered', async () => {
  const before = listener.mail().length;
  await listener.play([
    ...HELLO,
    'C: MAIL FROM:<>',
    'S: 250',
    `C: RCPT TO:<${BOUNCE.toUpperCase()}>`,
    'S: 250',
    'C: DATA',
    'S: 354',
    'C: Subject: returned',
    'C: ',
    'C: ..a line that begins with a dot',
    'C: .',
    'S: 250 2.6.0',
    ...BYE,
  ]);
  const mail = listener.mail().at(-1)!;
  expect(listener.mail()).toHaveLength(before + 1);
  expect(mail).toMatchObject({
    mailFrom: '',
    recipients: [{ role: 'bounce', deliveryId: IDS.deliveryId }],
    raw: 'Subject: returned\r\n\r\n.a line that begins with a dot\r\n',
  });
  expect(mail.size).toBe(mail.raw.length);
});

const FOREIGN = verpAddress(createTokenKey(), IDS, 'bounce.example.jp');
const damaged = BOUNCE.replace(/.@/, (end) => (end === 'a@' ? 'b@' : 'a@'));

describe('recipients', () => {
  const taken: [string, string, string][] = [
    ['a return path', BOUNCE, 'bounce'],
    ['a return path of a domain that we had once', BOUNCE.replace(/@.*/, '@bounce.old.example'), 'bounce'],
    ['an unsubscribe address', UNSUBSCRIBE, 'unsubscribe'],
    ['the feedback address', 'feedback@bounce.example.jp', 'feedback'],
    ['the postmaster of a return-path domain', 'postmaster@bounce.example.jp', 'postmaster'],
    ['the postmaster of a sending domain, in any case', 'Postmaster@EXAMPLE.jp', 'postmaster'],
    ['the postmaster alone', 'postmaster', 'postmaster'],
    ['abuse', 'abuse@example.jp', 'abuse'],
  ];
  for (const [name, address, role] of taken) {
    it(`${name} is taken`, async () => {
      await listener.play([
        ...HELLO,
        'C: MAIL FROM:<anybody@somewhere.test>',
        'S: 250',
        `C: RCPT TO:<${address}>`,
        'S: 250',
        'C: DATA',
        'S: 354',
        'C: .',
        'S: 250',
        ...BYE,
      ]);
      expect(listener.mail().at(-1)!.recipients).toMatchObject([{ address, role }]);
    });
  }

  const refused: [string, string, string][] = [
    ['somebody elsewhere', 'neko@example.com', '550 5.7.1'],
    ['nobody of ours', 'info@example.jp', '550 5.1.1'],
    ['a return path with a wrong signature', damaged, '550 5.1.1'],
    ['a return path of another Todoke', FOREIGN, '550 5.1.1'],
    ['a percent hack', 'neko%example.com@example.jp', '550 5.1.1'],
    ['a bang path', 'example.com!neko@example.jp', '550 5.1.1'],
    ['a quoted foreign address', '"neko@example.com"@example.jp', '501'],
    ['a source route to elsewhere', '@example.jp:neko@example.com', '550 5.7.1'],
    ['an address literal', 'postmaster@[127.0.0.1]', '550 5.7.1'],
    ['nobody', '', '501'],
  ];
  for (const [name, address, reply] of refused) {
    it(`${name} is refused at RCPT`, async () => {
      const before = listener.mail().length;
      await listener.play([
        ...HELLO,
        'C: MAIL FROM:<>',
        'S: 250',
        `C: RCPT TO:<${address}>`,
        `S: ${reply}`,
        'C: DATA',
        'S: 503',
        ...BYE,
      ]);
      expect(listener.mail()).toHaveLength(before);
    });
  }

  it('several of one mail are taken, and only those that are ours', async () => {
    await listener.play([
      ...HELLO,
      'C: MAIL FROM:<>',
      'S: 250',
      `C: RCPT TO:<${BOUNCE}>`,
      'S: 250',
      'C: RCPT TO:<neko@example.com>',
      'S: 550',
      `C: RCPT TO:<${UNSUBSCRIBE}>`,
      'S: 250',
      'C: DATA',
      'S: 354',
      'C: .',
      'S: 250',
      ...BYE,
    ]);
    expect(
      listener
        .mail()
        .at(-1)!
        .recipients.map(({ role }) => role),
    ).toEqual(['bounce', 'unsubscribe']);
  });

  it('more than a hundred are for the next transaction', async () => {
    const addresses = Array.from({ length: 101 }, (_, n) =>
      verpAddress(TEST_KEY, { ...IDS, deliveryId: 100 + n }, 'bounce.example.jp'),
    );
    await listener.play([
      ...HELLO,
      'C: MAIL FROM:<>',
      'S: 250',
      ...addresses.slice(0, 100).flatMap((address): Step[] => [`C: RCPT TO:<${address}>`, 'S: 250']),
      `C: RCPT TO:<${addresses[100]}>`,
      'S: 452 4.5.3',
      'C: DATA',
      'S: 354',
      'C: .',
      'S: 250',
      ...BYE,
    ]);
    expect(listener.mail().at(-1)!.recipients).toHaveLength(100);
  });
});

it('commands that reveal or relay nothing are answered as they should be', async () => {
  const replies = await listener.play([
    'S: 220',
    'C: MAIL FROM:<>',
    'S: 503',
    'C: HELO me.test',
    'S: 250',
    'C: NOOP',
    'S: 250',
    'C: VRFY postmaster',
    'S: 252',
    'C: EXPN list',
    'S: 500',
    'C: HELP',
    'S: 214',
    'C: AUTH PLAIN AGEAYg==',
    'S: 500',
    'C: XCLIENT ADDR=192.0.2.1',
    'S: 500',
    'C: EHLO me.test',
    'S: 250',
    'C: RSET',
    'S: 250',
    ...BYE,
  ]);
  const ehlo = replies.find((reply) => reply.includes('PIPELINING'))!;
  expect(ehlo.split('\r\n').map((line) => line.slice(4))).toEqual([
    'mx.example.jp',
    'PIPELINING',
    '8BITMIME',
    'SMTPUTF8',
    'ENHANCEDSTATUSCODES',
    'STARTTLS',
    `SIZE ${25 * 1024 * 1024}`,
  ]);
});

it('RSET and a new MAIL forget earlier recipients', async () => {
  await listener.play([
    ...HELLO,
    'C: MAIL FROM:<>',
    'S: 250',
    `C: RCPT TO:<${BOUNCE}>`,
    'S: 250',
    'C: RSET',
    'S: 250',
    'C: MAIL FROM:<a@b.test>',
    'S: 250',
    'C: RCPT TO:<abuse@example.jp>',
    'S: 250',
    'C: DATA',
    'S: 354',
    'C: .',
    'S: 250',
    ...BYE,
  ]);
  expect(listener.mail().at(-1)!.recipients).toMatchObject([{ role: 'abuse' }]);
});

it('a mail that goes round in circles is refused', async () => {
  const before = listener.mail().length;
  await listener.play([
    ...HELLO,
    'C: MAIL FROM:<>',
    'S: 250',
    `C: RCPT TO:<${BOUNCE}>`,
    'S: 250',
    'C: DATA',
    'S: 354',
    ...Array.from({ length: 51 }, (): Step => 'C: Received: from a by b; Wed, 25 Nov 2026 00:00:00 +0000'),
    'C: ',
    'C: .',
    'S: 554 5.4.6',
    ...BYE,
  ]);
  expect(listener.mail()).toHaveLength(before);
});
