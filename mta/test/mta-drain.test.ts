/** A stop at any moment: it waits for replies, never for connections that are only being opened. */
import { afterEach, expect, it } from 'vitest';
import { type MtaHarness, relayTo, startMta } from './mta-harness.ts';
import { type Peer, startPeer } from './peer.ts';

let harness: MtaHarness | undefined;
let peer: Peer | undefined;
afterEach(async () => {
  await harness?.close();
  await peer?.stop();
  harness = peer = undefined;
});

it('ends by itself while a server keeps its banner back', async () => {
  const { promise: connected, resolve: arrived } = Promise.withResolvers<void>();
  const silent = () => {
    arrived();
    return new Promise<void>(() => {});
  };
  peer = await startPeer([[silent], [silent]]);
  harness = await startMta({ routes: relayTo(peer.port) });
  const job = harness.send(['a@example.com']);
  await connected;
  await harness.mta.stop();
  // It said so: a drain that hangs is killed and says nothing.
  expect(harness.drained).toBe(true);
  expect(harness.ledger(job)).toEqual([]);
  expect(harness.spool.queued()).toBe(1);
});
