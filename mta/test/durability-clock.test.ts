/**
 * The system's clock is set while the MTA runs, or while it is off. Back by an hour: what is queued must not wait an hour more than its schedule
 * says. Forward by days: it must not be given up for days in which nobody could send it.
 */
import { afterEach, expect, it } from 'vitest';
import { openSpoolDb } from '../spool/open.ts';
import { type FakeClock, fakeClock, withEnv } from './faketime.ts';
import { type MtaHarness, relayTo, startMta } from './mta-harness.ts';
import { type ObedientPeer, startObedientPeer } from './obedient-peer.ts';

const HOUR = 3_600_000;

let harness: MtaHarness | undefined;
let peer: ObedientPeer | undefined;
let clock: FakeClock | undefined;
afterEach(async () => {
  await harness?.close();
  await peer?.stop();
  clock?.close();
  harness = peer = clock = undefined;
});

const start = async (retryFirst: number): Promise<{ mta: MtaHarness; set(offset: number): void }> => {
  const sink = await startObedientPeer();
  peer = sink;
  const faked = fakeClock();
  clock = faked;
  const mta = await withEnv(faked.env, () =>
    startMta({
      routes: relayTo(sink.port),
      retry: { first: retryFirst, cap: 86_400, jitter: 0, giveUp: 259_200 },
    }),
  );
  harness = mta;
  return { mta, set: faked.set };
};

const problems = (mta: MtaHarness): string[] => mta.status?.problems.map(({ code }) => code) ?? [];

it('tells of it, sends what was due before, and forgets it when the clock is right again', async () => {
  const { mta, set } = await start(900);
  // Due before, and still queued when its time is to come again.
  const paused = mta.send(['a@example.com', 'b@example.com']);
  mta.spool.setJobState(paused, 'paused');
  await mta.until(() => mta.status);
  set(-3600);
  await mta.until(() => problems(mta).includes('clock-set-back'));
  mta.spool.setJobState(paused, 'active');
  mta.mta.send({ type: 'job', jobId: paused });
  expect(await mta.settled(paused)).toMatchObject({ settled: 2, suppressed: 0 });
  set(0);
  await mta.until(() => !problems(mta).includes('clock-set-back'));
  const later = mta.send(['c@example.com']);
  expect(await mta.settled(later)).toMatchObject({ delivered: 1 });
});

it('tries deferred mail again after the schedule’s wait, not an hour after it', async () => {
  const { mta, set } = await start(5);
  const job = mta.send(['once-450+a@example.com']);
  await mta.until(() => mta.ledger(job).length > 0);
  set(-3600);
  // The MTA's clock never comes to the time that was written: only that it was set back with the clock makes it due.
  expect(await mta.settled(job)).toMatchObject({ delivered: 1 });
  const [deferred, delivered] = mta.ledger(job);
  expect(deferred!.at - delivered!.at).toBeGreaterThan(HOUR - 60_000);
});

it('sets back by no more than the clock: a mail that has time waits for it', async () => {
  const { mta, set } = await start(7200);
  const job = mta.send(['450+a@example.com']);
  await mta.until(() => mta.ledger(job).length > 0);
  const nextAt = (): number => {
    const db = openSpoolDb(mta.dataDir);
    const at = db.prepare('SELECT next_at FROM queue').pluck().get() as number;
    db.close();
    return at;
  };
  const before = nextAt();
  set(-3600);
  await mta.until(() => nextAt() !== before);
  expect(Math.abs(before - nextAt() - HOUR)).toBeLessThan(60_000);
  expect(mta.ledger(job)).toHaveLength(1);
});

it('that was set back while nobody looked is seen by what was written before', async () => {
  const { mta, set } = await start(5);
  const job = mta.send(['once-450+a@example.com']);
  await mta.until(() => mta.ledger(job).length > 0);
  set(-3600);
  await withEnv(clock!.env, () => mta.killAndRestart());
  await mta.until(() => problems(mta).includes('clock-set-back'));
  expect(await mta.settled(job)).toMatchObject({ delivered: 1 });
});

const DAYS = 4 * 86_400;

it.each([
  ['set forward while it runs', false],
  ['forward by the days that the machine was off', true],
])(
  'that is %s by more than a mail’s life ends no mail: each has what is left of its time',
  async (_, off) => {
    const { mta, set } = await start(2);
    const later = mta.send(['450+always@example.com', 'once-450+again@example.com']);
    await mta.until(() => mta.ledger(later).length === 2);
    // Never tried before.
    const paused = mta.send(['450+paused@example.com']);
    mta.spool.setJobState(paused, 'paused');
    await mta.until(() => mta.status);
    set(DAYS);
    if (off) await withEnv(clock!.env, () => mta.killAndRestart());
    mta.spool.setJobState(paused, 'active');
    mta.mta.send({ type: 'job', jobId: paused });
    await mta.until(() => mta.spool.job(later)!.delivered === 1 && mta.ledger(paused).length > 0);
    await mta.until(() => mta.ledger(later).filter(({ kind }) => kind === 'deferred').length > 2);
    const kinds = [...mta.ledger(later), ...mta.ledger(paused)].map(({ kind }) => kind);
    expect(kinds).not.toContain('bounced');
  },
);
