/** Thousands of mails at full rate, with refusals of every kind and a hand on the brake: ledger, counters and peer agree. */
import { afterEach, expect, it } from 'vitest';
import type { LedgerRow } from '../types.ts';
import { type MtaHarness, relayTo, startMta } from './mta-harness.ts';
import { type ObedientPeer, startObedientPeer } from './obedient-peer.ts';

let harness: MtaHarness | undefined;
let peer: ObedientPeer | undefined;
afterEach(async () => {
  await harness?.close();
  await peer?.stop();
  harness = peer = undefined;
});

const wholeLedger = (): LedgerRow[] => harness!.spool.readLedger(0, 100_000);
const countBy = <T>(items: T[], key: (item: T) => string): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const item of items) counts[key(item)] = (counts[key(item)] ?? 0) + 1;
  return counts;
};
/** The MTA holds nothing any more: no claimed row stays behind. */
const atRest = (): Promise<unknown> => harness!.until(() => harness!.status?.inFlight === 0);

it('accounts for 3000 mails of every fate', async () => {
  peer = await startObedientPeer();
  harness = await startMta({ routes: relayTo(peer.port) });
  // Every 10th mail is one of these; the others are taken at once.
  const orders = [
    '550-5.1.1',
    'once-451',
    'once-data-452',
    'dot-554-5.7.1',
    'once-dot-451',
    'once-421',
    'once-drop-at-rcpt',
    'once-drop-after-dot',
    'data-550',
    'once-take-and-drop',
  ];
  const fateOf = (n: number): string => (n % 10 === 0 ? orders[(n / 10) % orders.length]! : 'taken');
  const addresses = Array.from({ length: 3000 }, (_, n) => `${fateOf(n)}+no${n}@d${n % 7}.example.com`);
  const job = harness.send(addresses);
  // 30 mails of each order.
  expect(await harness.settled(job)).toMatchObject({
    enqueued: 3000,
    settled: 3000,
    delivered: 2910,
    bounced: 90,
    suppressed: 0,
  });

  const ledger = wholeLedger();
  const last = new Map(ledger.map((row) => [row.recipient, row]));
  expect(last.size).toBe(3000);
  for (const [recipient, row] of last) {
    const refused = /^(550|dot-554|data-550)/.test(recipient);
    expect([recipient, row.kind]).toEqual([recipient, refused ? 'bounced' : 'delivered']);
  }
  // One final row each, and what was ordered `once-` was deferred before it (once: 421 and lost ones may be retried free).
  const finals = ledger.filter(({ kind }) => kind !== 'deferred');
  expect(finals).toHaveLength(3000);
  const deferred = countBy(
    ledger.filter(({ kind }) => kind === 'deferred'),
    ({ recipient }) => recipient,
  );
  for (const recipient of Object.keys(deferred)) expect(deferred[recipient]).toBe(1);
  const bySort = countBy(Object.keys(deferred), (recipient) => recipient.split('+')[0]!);
  for (const order of [
    'once-451',
    'once-data-452',
    'once-dot-451',
    'once-421',
    'once-drop-at-rcpt',
    'once-drop-after-dot',
    'once-take-and-drop',
  ])
    expect([order, bySort[order]]).toEqual([order, 30]);

  // What the peer took is what the ledger calls delivered; only the promised duplicates came twice, as the same message.
  const accepted = peer.accepted();
  const times = countBy(accepted, ({ recipient }) => recipient);
  const delivered = finals.filter(({ kind }) => kind === 'delivered').map(({ recipient }) => recipient);
  expect(new Set(Object.keys(times))).toEqual(new Set(delivered));
  for (const recipient of delivered)
    expect([recipient, times[recipient]]).toEqual([recipient, recipient.startsWith('once-take') ? 2 : 1]);
  expect(new Set(accepted.map(({ messageId }) => messageId)).size).toBe(2910);

  await atRest();
  expect(harness.spool.queued()).toBe(0);
  expect(harness.spool.queueLines(10)).toEqual([]);
});

/** Counters, ledger and the peer's record of a job that was stopped somewhere in the middle, with nothing in flight. */
async function standing(job: number): Promise<number> {
  // Reports of before the brake do not count.
  const now = Date.now();
  await harness!.until(() => {
    const { at, inFlight } = harness!.status ?? { at: 0, inFlight: 0 };
    return at > now && inFlight === 0;
  });
  const { settled, delivered } = harness!.spool.job(job)!;
  expect(settled).toBe(delivered);
  expect(peer!.accepted()).toHaveLength(delivered);
  expect(harness!.spool.queued()).toBe(ALL - settled);
  return delivered;
}

const ALL = 6000;

it.each(['pause', 'emergency stop'])('%s in full flight, and goes on afterwards', async (brake) => {
  peer = await startObedientPeer();
  harness = await startMta({ routes: relayTo(peer.port) });
  const job = harness.send(Array.from({ length: ALL }, (_, n) => `p${n}@d${n % 9}.example.com`));
  const set = (on: boolean): void => {
    if (brake === 'pause') {
      harness!.spool.setJobState(job, on ? 'paused' : 'active');
      harness!.mta.send({ type: 'job', jobId: job });
    } else {
      // Not told: it must see it by itself.
      harness!.spool.setStopped(on);
    }
  };
  let before = 0;
  for (const upTo of [500, 1500]) {
    await harness.until(() => harness!.spool.job(job)!.delivered >= upTo);
    set(true);
    before = await standing(job);
    expect(before).toBeLessThan(ALL);
    // A report later nothing has moved.
    const { at } = harness.status!;
    await harness.until(() => harness!.status!.at > at);
    expect(await standing(job)).toBe(before);
    set(false);
  }
  expect(await harness.settled(job)).toMatchObject({ settled: ALL, delivered: ALL });
  const accepted = peer.accepted();
  expect(accepted).toHaveLength(ALL);
  expect(new Set(accepted.map(({ recipient }) => recipient)).size).toBe(ALL);
  expect(wholeLedger()).toHaveLength(ALL);
  await atRest();
});

it('loses nothing and repeats only what was in flight when it is killed, twice', async () => {
  peer = await startObedientPeer();
  harness = await startMta({ routes: relayTo(peer.port) });
  const job = harness.send(Array.from({ length: ALL }, (_, n) => `p${n}@d${n % 9}.example.com`));
  for (const upTo of [400, 1200]) {
    await harness.until(() => harness!.spool.job(job)!.delivered >= upTo);
    await harness.killAndRestart();
  }
  expect(await harness.settled(job)).toMatchObject({ settled: ALL, delivered: ALL });
  expect(wholeLedger()).toHaveLength(ALL);
  const accepted = peer.accepted();
  expect(new Set(accepted.map(({ recipient }) => recipient)).size).toBe(ALL);
  // The same mail again, so that a reader's server can tell.
  expect(new Set(accepted.map(({ messageId }) => messageId)).size).toBe(ALL);
  // At most a group commit and what twenty connections carried, at each kill.
  expect(accepted.length - ALL).toBeLessThanOrEqual(2 * (200 + 20 * 2));
  await atRest();
});

it('sends each mail once while the settings change again and again', async () => {
  peer = await startObedientPeer();
  harness = await startMta({ routes: relayTo(peer.port) });
  const job = harness.send(Array.from({ length: ALL }, (_, n) => `p${n}@d${n % 9}.example.com`));
  for (let n = 1; n <= 5; n += 1) {
    await harness.until(() => harness!.spool.job(job)!.delivered >= n * 800);
    harness.publish({ ehloName: `me${n}.test` });
  }
  expect(await harness.settled(job)).toMatchObject({ settled: ALL, delivered: ALL });
  expect(wholeLedger()).toHaveLength(ALL);
  expect(peer.accepted()).toHaveLength(ALL);
  await atRest();
});
