/** 47. An unsubscribe that comes after a mail was claimed, rendered and signed still stops it before MAIL. */
import { expect, it } from 'vitest';
import { relayTo, startMta } from '../mta-harness.ts';
import { type Step, startPeer } from '../peer.ts';
import { BYE, HELLO, takes, toRcpt } from '../small-internet.ts';

it.each<[string, { listId: number }]>([
  ['from the list that brought them here', { listId: 1 }],
  ['from everything', { listId: 0 }],
])('%s', async (_, { listId }) => {
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const { promise: reached, resolve: arrived } = Promise.withResolvers<void>();
  const hold: Step = () => {
    arrived();
    return held;
  };
  const peer = await startPeer([
    [
      ...HELLO,
      ...toRcpt('first@example.com'),
      'C: DATA',
      'S: 354 Go on',
      'C> message',
      hold,
      'S: 250 Ok',
      ...takes('third@example.com'),
      ...BYE,
    ],
  ]);
  const mta = await startMta({ routes: relayTo(peer.port, { connections: 1 }) });
  const job = mta.send(['first@example.com', 'second@example.com', 'third@example.com']);
  await reached;
  // All three are claimed by now: the peer holds the only connection.
  await mta.until(() => mta.status?.inFlight === 3);
  mta.spool.stop('Second@example.com', listId);
  mta.mta.send({ type: 'stops' });
  // One that unsubscribed from another list gets this one.
  mta.spool.stop('third@example.com', 2);
  mta.mta.send({ type: 'stops' });
  release();
  expect(await mta.settled(job)).toMatchObject({ delivered: 2, suppressed: 1 });
  expect(mta.ledger(job).find(({ kind }) => kind === 'suppressed')).toMatchObject({
    recipient: 'second@example.com',
    reason: 'unsubscribed',
    attempt: 0,
    phase: 'none',
  });
  await mta.close();
  await peer.done;
  expect(peer.lines.some((line) => line.includes('second@'))).toBe(false);
  await peer.stop();
});
