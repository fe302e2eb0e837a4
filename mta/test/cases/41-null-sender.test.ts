/** 41. A notification of failure comes from `<>`, and mail from `<>` that fails causes none (RFC 5321 §4.5.5, §6.1). */
import { expect, it } from 'vitest';
import { createTokenKey } from '../../index.ts';
import { notificationEnvelope } from '../../message/notification.ts';
import { unsubscribeAddress, verpAddress } from '../../message/verp.ts';
import { startPeer } from '../peer.ts';
import { BYE, HELLO, refuses, startSmallInternet } from '../small-internet.ts';
import { mail, open, PIPELINING, TAKEN } from '../smtp-helpers.ts';

const key = createTokenKey();
const ids = { jobId: 1, deliveryId: 2, subscriberId: 3, listId: 4 };

it.each<[string, string, string | null]>([
  ['a person', 'taro@example.jp', 'taro@example.jp'],
  ['an address with an international domain', 'taro@例え.jp', 'taro@例え.jp'],
  ['the null reverse-path', '', null],
  ['no address', 'MAILER-DAEMON', null],
  ['a return path of ours', verpAddress(key, ids, 'bounce.example.jp'), null],
  ['the same in capitals', verpAddress(key, ids, 'bounce.example.jp').toUpperCase(), null],
  ['an unsubscribe address of ours', unsubscribeAddress(key, ids, 'bounce.example.jp'), null],
  ['one that only looks like ours', 'b-aaaa-bbbbbbbbbbbbb@example.jp', 'b-aaaa-bbbbbbbbbbbbb@example.jp'],
])('the sender is %s', (_, reversePath, rcptTo) => {
  expect(notificationEnvelope(reversePath, key)).toEqual(rcptTo === null ? null : { mailFrom: '', rcptTo });
});

it('goes out as MAIL FROM:<>', async () => {
  const envelope = notificationEnvelope('neko@example.test', key)!;
  const peer = await startPeer([
    [
      ...PIPELINING,
      'C: MAIL FROM:<>',
      'C: RCPT TO:<neko@example.test>',
      'C= DATA',
      ...TAKEN,
      'C> message',
      'S: 250 ok',
      'C: QUIT',
      'S: 221 Bye',
    ],
  ]);
  const session = await open(peer.port);
  expect(await session.send(mail(envelope))).toMatchObject({ kind: 'accepted' });
  await session.quit();
  await peer.done;
  await peer.stop();
});

it('a campaign mail that bounces leaves a ledger row and no mail to anybody', async () => {
  const net = await startSmallInternet({
    zone: { 'example.test': { A: ['127.41.0.1'] }, 'bounce.test': { A: ['127.41.0.2'] } },
    servers: {
      '127.41.0.1': [[...HELLO, ...refuses('nobody@example.test', '550 5.1.1 User unknown'), ...BYE]],
      '127.41.0.2': [],
    },
    settings: {
      domains: [{ domain: 'example.jp', returnPathDomain: 'bounce.test', dkim: [] }],
    },
  });
  const job = net.mta.send(['nobody@example.test']);
  expect(await net.mta.settled(job)).toMatchObject({ bounced: 1, enqueued: 1 });
  expect(net.mta.spool.queued()).toBe(0);
  expect(net.mta.spool.readLedger(0, 10)).toHaveLength(1);
  await net.finish();
});
