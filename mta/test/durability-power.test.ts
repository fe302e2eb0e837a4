/** What a power cut may take: nothing that was accepted, nothing that was settled. And a stop leaves nothing open. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { openSpoolDb } from '../spool/open.ts';
import { type MtaHarness, relayTo, startMta } from './mta-harness.ts';
import { type ObedientPeer, startObedientPeer } from './obedient-peer.ts';

let harness: MtaHarness | undefined;
let peer: ObedientPeer | undefined;
afterEach(async () => {
  await harness?.close();
  await peer?.stop();
  harness = peer = undefined;
});

it('waits for the disk with every commit: each connection that accepts or settles is opened here', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'todoke-power-'));
  try {
    for (const use of ['server', 'MTA']) {
      const db = openSpoolDb(dataDir);
      expect(db.pragma('synchronous', { simple: true }), use).toBe(2);
      expect(db.pragma('journal_mode', { simple: true }), use).toBe('wal');
      db.close();
    }
  } finally {
    rmSync(dataDir, { recursive: true });
  }
});

it('settles on SIGTERM’s drain what is in flight, slow answers included', async () => {
  const sink = await startObedientPeer();
  peer = sink;
  const mta = await startMta({ routes: relayTo(sink.port, { connections: 10 }) });
  harness = mta;
  const addresses = Array.from(
    { length: 2000 },
    (_, n) => `p${n}+${n % 20 === 0 ? 'slow-150' : 'take'}@example.com`,
  );
  const job = mta.send(addresses);
  await mta.until(() => mta.spool.job(job)!.delivered > 200);
  await mta.mta.stop();
  expect(mta.drained).toBe(true);
  const delivered = mta.spool.job(job)!.delivered;
  // In the middle of it, and the sink has exactly what the ledger says.
  expect(delivered).toBeLessThan(2000);
  expect(sink.accepted().length).toBe(delivered);
  expect(mta.spool.countLedger(0, mta.spool.lastLedgerId())).toMatchObject({ delivered });
  expect(mta.spool.queued()).toBe(2000 - delivered);
});
