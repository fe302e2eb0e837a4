/** A list with thousands of domains: what the MTA holds in memory must not grow with them. */
import { afterEach, expect, it } from 'vitest';
import { type MtaHarness, relayTo, startMta } from './mta-harness.ts';
import { type ObedientPeer, startObedientPeer } from './obedient-peer.ts';
import { startPeer } from './peer.ts';

let harness: MtaHarness | undefined;
let peer: ObedientPeer | undefined;
afterEach(async () => {
  await harness?.close();
  await peer?.stop();
  harness = peer = undefined;
});

/** rows that may be in memory at a time (READ_AHEAD in mta/queue/dispatcher.ts), and some in flight */
const BOUND = 21_000;
const DOMAINS = 800;
const addresses = Array.from({ length: DOMAINS * 60 }, (_, n) => `p${n}@d${n % DOMAINS}.example.com`);

it('holds few mails of each domain while it sends to all in turn', async () => {
  peer = await startObedientPeer();
  harness = await startMta({ routes: relayTo(peer.port) });
  const job = harness.send(addresses);
  // Every domain has had its turn by then.
  await harness.until(() => harness!.spool.job(job)!.delivered > DOMAINS);
  const before = harness.status?.at ?? 0;
  const status = await harness.until(() => harness!.status && harness!.status.at > before && harness!.status);
  expect(status.inFlight).toBeLessThan(BOUND);
});

it('holds none of them while the relay is dead', async () => {
  const gone = await startPeer([]);
  await gone.stop();
  harness = await startMta({
    routes: relayTo(gone.port),
    retry: { first: 600, cap: 600, jitter: 0, giveUp: 3600 },
  });
  const job = harness.send(addresses);
  await harness.until(() => harness!.status?.lines.some(({ waiting }) => waiting === 'relay-down'));
  const { at } = harness.status!;
  const status = await harness.until(() => harness!.status!.at > at && harness!.status);
  expect(status!.inFlight).toBe(0);
  // One mail bears witness of the probe.
  expect(harness.ledger(job)).toHaveLength(1);
});
