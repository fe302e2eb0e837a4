/** 32. Without SMTPUTF8 a domain becomes an A-label when the local part is ASCII; else the mail cannot go: 5.6.7 (RFC 6531). */
import { expect, it } from 'vitest';
import { relayTo, startMta } from '../mta-harness.ts';
import { startPeer } from '../peer.ts';
import { BYE, HELLO } from '../small-internet.ts';
import { mail, open, PIPELINING, PLAIN, TAKEN } from '../smtp-helpers.ts';

it('an ASCII local part goes out with the A-label, another one bounces with 5.6.7 without MAIL', async () => {
  const peer = await startPeer([
    [
      ...HELLO,
      'C: MAIL FROM:<b-',
      'S: 250 Ok',
      'C= RCPT TO:<neko@xn--r8jz45g.jp>',
      'S: 250 Ok',
      'C: DATA',
      'S: 354 Go on',
      'C> message',
      'S: 250 Taken',
      ...BYE,
    ],
  ]);
  const mta = await startMta({ routes: relayTo(peer.port, { connections: 1 }) });
  const job = mta.send(['猫@例え.jp', 'neko@例え.jp']);
  expect(await mta.settled(job)).toMatchObject({ delivered: 1, bounced: 1 });
  expect(mta.ledger(job)).toMatchObject([
    { recipient: '猫@例え.jp', kind: 'bounced', phase: 'none', code: 553, status: '5.6.7', reason: 'syntax' },
    { recipient: 'neko@例え.jp', kind: 'delivered' },
  ]);
  await mta.close();
  await peer.done;
  expect(peer.lines.filter((line) => line.startsWith('MAIL'))).toHaveLength(1);
  await peer.stop();
});

it('with SMTPUTF8 the address goes out as it is, and MAIL says so', async () => {
  const peer = await startPeer([
    [
      'S: 220 mx',
      'C: EHLO me.test',
      'S: 250-mx',
      'S: 250-8BITMIME',
      'S: 250 SMTPUTF8',
      'C: MAIL FROM:<b-',
      'S: 250 Ok',
      'C: RCPT TO:<猫@xn--r8jz45g.jp>',
      'S: 250 Ok',
      'C: DATA',
      'S: 354 Go on',
      'C> message',
      'S: 250 Taken',
      ...BYE,
    ],
  ]);
  const mta = await startMta({ routes: relayTo(peer.port) });
  const job = mta.send(['猫@例え.jp']);
  expect(await mta.settled(job)).toMatchObject({ delivered: 1 });
  await mta.close();
  await peer.done;
  expect(peer.lines.find((line) => line.startsWith('MAIL'))).toMatch(/ SMTPUTF8$/);
  await peer.stop();
});

it.each([
  ['neko@例え.jp', PLAIN, { kind: 'accepted' }],
  ['猫@例え.jp', PLAIN, { kind: 'local', reply: { code: 553, status: '5.6.7' } }],
  ['猫@example.jp', PIPELINING, { kind: 'local', reply: { code: 553, status: '5.6.7' } }],
] as const)('the session decides by the server: %s', async (rcptTo, greeting, expected) => {
  const accepted = expected.kind === 'accepted';
  const steps = accepted
    ? ['C= MAIL FROM:<bounce@example.test>', TAKEN[0]!, 'C= RCPT TO:<neko@xn--r8jz45g.jp>', TAKEN[1]!]
    : [];
  const data = accepted ? ['C= DATA', TAKEN[2]!, 'C> message', 'S: 250 ok'] : [];
  const peer = await startPeer([[...greeting, ...steps, ...data, 'C= QUIT', 'S: 221 Bye']]);
  const session = await open(peer.port);
  expect(await session.send(mail({ rcptTo }))).toMatchObject(expected);
  await session.quit();
  await peer.done;
  await peer.stop();
});
