/** 24. 452 and 552 "too many recipients" at RCPT are temporary (RFC 5321 §4.5.3.1.10): who is left comes again, at no harm. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type MtaHarness, relayTo, startMta } from '../mta-harness.ts';
import { startPeer } from '../peer.ts';
import { BYE, HELLO, RESET, refuses, takes } from '../small-internet.ts';

let mta: MtaHarness;
beforeAll(async () => {
  mta = await startMta();
});
afterAll(() => mta.close());

it.each([
  '452 4.5.3 Too many recipients',
  '452 too many recipients',
  '552 5.5.3 Too many recipients',
  '552 too many recipients',
  '550 5.5.3 Too many recipients received this hour',
])('%s: deferred, and delivered at the next attempt', async (reply) => {
  const peer = await startPeer([
    [
      ...HELLO,
      ...takes('first@example.com'),
      ...refuses('second@example.com', reply),
      ...RESET,
      ...takes('second@example.com'),
      ...BYE,
    ],
  ]);
  mta.publish({ routes: relayTo(peer.port, { connections: 1 }) });
  const job = mta.send(['first@example.com', 'second@example.com']);
  expect(await mta.settled(job)).toMatchObject({ delivered: 2, bounced: 0 });
  expect(mta.ledger(job)).toMatchObject([
    { recipient: 'first@example.com', kind: 'delivered', attempt: 1 },
    { recipient: 'second@example.com', kind: 'deferred', attempt: 1, phase: 'rcpt', reply },
    { recipient: 'second@example.com', kind: 'delivered', attempt: 2 },
  ]);
  // The connection ends, and with it the dialogue.
  mta.publish({ routes: [] });
  await peer.done;
  await peer.stop();
});
