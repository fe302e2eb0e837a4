/** 23. Each recipient has a verdict of their own: one mail's refusal says nothing of the next. */
import { expect, it } from 'vitest';
import { relayTo, startMta } from '../mta-harness.ts';
import { startPeer } from '../peer.ts';
import { BYE, HELLO, RESET, refuses, takes, toRcpt } from '../small-internet.ts';

it('one address, one transaction, one ledger row with its own reply', async () => {
  const peer = await startPeer([
    [
      ...HELLO,
      ...refuses('nobody@example.com', '550 5.1.1 <nobody@example.com>: User unknown'),
      ...RESET,
      ...refuses('full@example.com', '452 4.2.2 Mailbox full'),
      ...RESET,
      ...toRcpt('spammed@example.com'),
      'C: DATA',
      'S: 354 Go on',
      'C> message',
      'S: 554 5.7.1 Looks like spam',
      ...takes('taro@example.com'),
      ...BYE,
    ],
  ]);
  const mta = await startMta({
    routes: relayTo(peer.port, { connections: 1 }),
    retry: { first: 600, cap: 600, jitter: 0, giveUp: 3600 },
  });
  const job = mta.send(['nobody@example.com', 'full@example.com', 'spammed@example.com', 'taro@example.com']);
  await mta.until(() => mta.ledger(job).length === 4);
  expect(mta.ledger(job)).toMatchObject([
    { recipient: 'nobody@example.com', kind: 'bounced', phase: 'rcpt', reason: 'unknown-user' },
    { recipient: 'full@example.com', kind: 'deferred', phase: 'rcpt', reason: 'mailbox-full' },
    { recipient: 'spammed@example.com', kind: 'bounced', phase: 'dot', reason: 'spam' },
    { recipient: 'taro@example.com', kind: 'delivered', reason: '' },
  ]);
  expect(mta.spool.job(job)).toMatchObject({ delivered: 1, bounced: 2, settled: 3 });
  // Nobody sees another's address.
  for (const message of peer.messages) expect(message.toString().match(/@example\.com/g)).toHaveLength(1);
  await mta.close();
  await peer.done;
  await peer.stop();
});
