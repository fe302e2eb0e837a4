/** The real worker thread: enqueueing and folding as main.ts runs them, and a process that dies in between. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { LiveEvent } from '../events.ts';
import { Jobs } from '../jobs.ts';
import { addList, addPeople, FakeMta } from '../test/campaign-fixtures.ts';
import { type Harness, startHarness } from '../testing/harness.ts';
import { cancelCampaign, reconcile } from './lifecycle.ts';
import { startCampaign } from './start.ts';
import { createCampaign, getCampaign } from './store.ts';

const PEOPLE = 5000;
let harness: Harness;
let mta: FakeMta;
let events: LiveEvent[];
let problems: string[];
let running: Jobs[];
let id: number;
let jobId: number;

beforeEach(async () => {
  harness = await startHarness();
  mta = new FakeMta(harness.dataDir);
  events = [];
  problems = [];
  running = [];
  const listId = addList(harness.db, 'A');
  addPeople(harness.db, listId, PEOPLE);
  const draft = {
    name: 'A',
    subject: 'A',
    fromAddress: 'news@example.jp',
    text: '{{ name }}',
    listIds: [listId],
  };
  id = createCampaign(harness.db, draft, '').id;
  jobId = (await startCampaign(harness.deps, id, { overrides: [], now: Date.now() })).jobId!;
});
afterEach(async () => {
  await Promise.all(running.map((jobs) => jobs.stop()));
  mta.close();
  await harness.close();
  expect(problems).toEqual([]);
});

function startWorker(): Jobs {
  const jobs = new Jobs({
    dataDir: harness.dataDir,
    onMessage: (message) => {
      if (message.type === 'live') events.push(message.event);
      else if (message.type === 'job-failed') problems.push(message.error);
    },
    onExit: (code) => problems.push(`the worker ended with ${code}`),
  });
  running.push(jobs);
  return jobs;
}

/** A worker that is stopped before its second chunk: it cannot write the first while we hold the spool's lock. */
async function enqueueOneChunk(): Promise<void> {
  const jobs = startWorker();
  mta.db.exec('BEGIN IMMEDIATE');
  jobs.run({ kind: 'enqueue', id });
  const stopped = jobs.stop();
  mta.db.exec('COMMIT');
  await stopped;
  running.length = 0;
}

const sealed = () =>
  vi.waitFor(() => expect(harness.deps.spool.job(jobId)!.sealed).toBe(true), { timeout: 30_000 });

it('goes on after a stop in the middle, loses nobody and repeats nobody', async () => {
  await enqueueOneChunk();
  expect(harness.deps.spool.job(jobId)).toMatchObject({ sealed: false, enqueued: 100 });
  reconcile({ ...harness.deps, jobs: startWorker() });
  await sealed();
  const ids = mta.queued(jobId).map(({ subscriberId }) => subscriberId);
  expect(ids).toHaveLength(PEOPLE);
  expect(new Set(ids).size).toBe(PEOPLE);
});

it('tries again after a failure', async () => {
  mta.db.exec(
    `CREATE TRIGGER full BEFORE INSERT ON queue BEGIN SELECT raise(ABORT, 'the disk is full'); END`,
  );
  const jobs = startWorker();
  jobs.run({ kind: 'enqueue', id });
  await vi.waitFor(() => expect(problems.join()).toContain('the disk is full'), { timeout: 30_000 });
  mta.db.exec('DROP TRIGGER full');
  await sealed();
  expect(mta.queued(jobId)).toHaveLength(PEOPLE);
  problems = [];
});

it('a cancel while recipients are added ends the campaign when what was added is settled', async () => {
  await enqueueOneChunk();
  const jobs = startWorker();
  jobs.run({ kind: 'enqueue', id });
  cancelCampaign({ ...harness.deps, jobs }, id);
  await sealed();
  const added = mta.queued(jobId);
  expect(added.length).toBeGreaterThanOrEqual(100);
  for (const mail of added.slice(1)) mta.settle(jobId, mail, { kind: 'suppressed', reason: 'cancelled' });
  jobs.ledgerGrew();
  await vi.waitFor(() => expect(suppressed()).toBe(added.length - 1), { timeout: 30_000 });
  expect(getCampaign(harness.db, id)).toMatchObject({ state: 'cancelled', finishedAt: null });
  mta.settle(jobId, added[0]!, { kind: 'suppressed', reason: 'cancelled' });
  // Nobody tells the worker: it sees by itself that the ledger has grown.
  await vi.waitFor(() => expect(getCampaign(harness.db, id).finishedAt).not.toBeNull(), { timeout: 30_000 });
  await vi.waitFor(() =>
    expect(events.at(-1)).toMatchObject({ type: 'campaign', data: { id, state: 'cancelled' } }),
  );
});

function suppressed(): number | undefined {
  return harness.db.$client
    .prepare('SELECT suppressed FROM campaign_stats WHERE campaign_id = ?')
    .pluck()
    .get(id) as number | undefined;
}
