/**
 * Freezes a started campaign's audience into the spool, in the worker thread. Where it stands is the job's cursor in
 * the spool, which moves in the same transaction as the rows: whoever comes after a crash goes on from there, and
 * nobody is added twice.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkerContext } from '../worker.ts';
import { compileOrThrow, contentSource, findLists } from './content.ts';
import { AudienceReader } from './freeze.ts';
import { restAfter } from './pace.ts';
import { findCampaign } from './store.ts';

/** So that the first mail leaves at once. */
const FIRST_CHUNK = 100;
/** About 10 ms of the spool's lock. */
const CHUNK = 2000;

/**
 * Runs to the end of the audience and seals the job, or stops between two chunks: when the process stops (it goes on
 * at the next start) or when the campaign is cancelled (the spool takes no more rows then).
 */
export async function runEnqueue(context: WorkerContext, campaignId: number): Promise<void> {
  const { db, spool, signal } = context;
  const campaign = findCampaign(db, campaignId);
  if (!campaign || campaign.jobId === null || campaign.startedAt === null) return;
  const { jobId, startedAt } = campaign;
  const job = spool.job(jobId);
  if (!job) throw new Error(`campaign ${campaignId}: the spool has no job ${jobId}`);
  if (job.sealed) return;

  const reader = new AudienceReader(db, {
    listIds: campaign.listIds,
    startedAt,
    maxId: campaign.audienceMaxId ?? 0,
    variables: compileOrThrow(contentSource(campaign, findLists(db, campaign.listIds))).variables,
  });
  let cursor = job.cursor;
  let size = cursor === 0 ? FIRST_CHUNK : CHUNK;
  for (;;) {
    if (signal.aborted) return;
    const chunk = reader.next(cursor, size);
    const began = performance.now();
    if (!spool.enqueue(jobId, { from: cursor, to: chunk.to, rows: chunk.rows })) {
      if (spool.job(jobId)?.state === 'cancelled') return;
      throw new Error(`campaign ${campaignId}: the spool refused the chunk after ${cursor}`);
    }
    const took = performance.now() - began;
    if (chunk.done) break;
    if (chunk.rows.length > 0) context.mta({ type: 'wake', jobId });
    cursor = chunk.to;
    size = CHUNK;
    await context.breathe();
    await sleep(restAfter(took, spool.queued()));
  }
  spool.seal(jobId);
  context.mta({ type: 'wake', jobId });
}
