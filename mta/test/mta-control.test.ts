/** What a person can do to mail that is already queued: pause it, cancel it, stop everything. */
import { afterEach, expect, it } from 'vitest';
import { type MtaHarness, relayTo, startMta } from './mta-harness.ts';
import { type Peer, type Step, startPeer } from './peer.ts';

let harness: MtaHarness | undefined;
let peer: Peer | undefined;
afterEach(async () => {
  await harness?.close();
  await peer?.stop();
  harness = peer = undefined;
});

const HELLO: Step[] = ['S: 220 mx.test ESMTP', 'C: EHLO me.test', 'S: 250 mx.test'];
const takes = (address: string): Step[] => [
  'C: MAIL FROM:',
  'S: 250 Ok',
  `C: RCPT TO:<${address}>`,
  'S: 250 Ok',
  'C: DATA',
  'S: 354 Go on',
  'C> message',
  'S: 250 Ok',
];
const one = { connections: 1 };

it('pauses and resumes a job without losing or repeating a mail', async () => {
  peer = await startPeer([
    [...HELLO, ...takes('a@example.com'), ...takes('b@example.com'), 'C: QUIT', '*** close'],
  ]);
  harness = await startMta({ routes: relayTo(peer.port, one) });
  harness.spool.setStopped(true);
  harness.mta.send({ type: 'settings' });
  const job = harness.send(['a@example.com', 'b@example.com']);
  await harness.until(() => harness!.status?.lines.some(({ waiting }) => waiting === 'stopped'));
  harness.spool.setJobState(job, 'paused');
  harness.mta.send({ type: 'job', jobId: job });
  harness.spool.setStopped(false);
  harness.mta.send({ type: 'settings' });
  await harness.until(() => harness!.status?.lines.some(({ waiting }) => waiting === 'job-paused'));
  expect(peer.connections).toBe(0);
  harness.spool.setJobState(job, 'active');
  harness.mta.send({ type: 'job', jobId: job });
  expect(await harness.settled(job)).toMatchObject({ delivered: 2 });
  expect(harness.ledger(job)).toHaveLength(2);
});

it('cancels what has not left, and accounts for every mail', async () => {
  peer = await startPeer([]);
  harness = await startMta({ routes: relayTo(peer.port) });
  harness.spool.setStopped(true);
  harness.mta.send({ type: 'settings' });
  const addresses = Array.from({ length: 1200 }, (_, n) => `p${n}@d${n % 3}.example.com`);
  const job = harness.send(addresses);
  harness.spool.setJobState(job, 'cancelled');
  harness.mta.send({ type: 'job', jobId: job });
  expect(await harness.settled(job)).toMatchObject({ enqueued: 1200, settled: 1200, suppressed: 1200 });
  const rows = harness.spool.searchLedger({ jobId: job }, undefined, 2000);
  expect(new Set(rows.map(({ recipient }) => recipient)).size).toBe(1200);
  expect(new Set(rows.map(({ kind, reason }) => `${kind} ${reason}`))).toEqual(
    new Set(['suppressed cancelled']),
  );
  expect(harness.spool.queueLines(10)).toEqual([]);
});
