/**
 * Everything else that is done to a campaign. todoke.db says what is wanted and is written first; the spool follows,
 * and `reconcile` lets it catch up after a crash between the two.
 */
import { eq } from 'drizzle-orm';
import type { JobState } from '../../mta/index.ts';
import { campaigns } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { AppError } from '../errors.ts';
import { assertReady, type Override, type StartDeps } from './start.ts';
import { assertAllowed, type CampaignState } from './state.ts';
import {
  type CampaignHead,
  type CampaignRow,
  createCampaign,
  getCampaign,
  moveCampaign,
  unsettledCampaigns,
} from './store.ts';
import { summary } from './view.ts';

/** A campaign's state → what its job in the spool must be. */
const JOB_STATES: Partial<Record<CampaignState, JobState>> = {
  sending: 'active',
  paused: 'paused',
  cancelled: 'cancelled',
};

/** Mail that is on its way may still go out. The audience is frozen further, so that a resume goes on at once. */
export function pauseCampaign(deps: StartDeps, id: number): CampaignRow {
  return changeJob(deps, id, 'pause', 'paused');
}

export function resumeCampaign(deps: StartDeps, id: number): CampaignRow {
  return changeJob(deps, id, 'resume', 'sending');
}

/**
 * Final. What is unsent is settled as suppressed/cancelled; until that is done `finishedAt` stays null. Who was not
 * enqueued yet never is.
 */
export function cancelCampaign(deps: StartDeps, id: number): CampaignRow {
  return changeJob(deps, id, 'cancel', 'cancelled');
}

function changeJob(
  deps: StartDeps,
  id: number,
  action: 'pause' | 'resume' | 'cancel',
  to: CampaignState,
): CampaignRow {
  const row = getCampaign(deps.db, id);
  assertAllowed(row.state, action);
  const moved = moveCampaign(deps.db, row, action, to);
  applyToSpool(deps, moved);
  publish(deps, moved);
  return moved;
}

function applyToSpool(deps: StartDeps, row: CampaignHead): void {
  const state = JOB_STATES[row.state];
  if (row.jobId === null || state === undefined) return;
  deps.spool.setJobState(row.jobId, state);
  if (state === 'cancelled') {
    // The spool takes no chunk of a cancelled job, so sealing it here cannot cut off rows that come later.
    deps.spool.seal(row.jobId);
    deps.jobs.cancel({ kind: 'enqueue', id: row.id });
  }
  deps.mta.send({ type: 'job', jobId: row.jobId });
}

/** At the process's start: brings the spool to what todoke.db says and goes on with unfinished enqueueing. */
export function reconcile(deps: StartDeps): void {
  for (const row of unsettledCampaigns(deps.db)) {
    const job = row.jobId === null ? undefined : deps.spool.job(row.jobId);
    if (!job) continue;
    const wanted = JOB_STATES[row.state];
    if (job.state !== wanted || (wanted === 'cancelled' && !job.sealed)) applyToSpool(deps, row);
    if (!job.sealed && wanted !== 'cancelled') deps.jobs.run({ kind: 'enqueue', id: row.id });
  }
}

/**
 * @param at epoch ms, in the future
 * @throws AppError as a start does, `value-invalid` for a time that is past
 */
export async function scheduleCampaign(
  deps: StartDeps,
  id: number,
  options: { at: number; now: number; overrides: readonly Override[] },
): Promise<CampaignRow> {
  const row = getCampaign(deps.db, id);
  assertAllowed(row.state, 'schedule');
  if (options.at <= options.now) {
    throw new AppError('value-invalid', 'The time is in the past', [
      {
        pointer: '/at',
        code: 'time-past',
        message: 'Choose a time in the future',
        value: new Date(options.at).toISOString(),
      },
    ]);
  }
  await assertReady(deps, row, options.overrides);
  const moved = moveCampaign(deps.db, row, 'schedule', 'scheduled', { scheduledAt: options.at });
  publish(deps, moved);
  return moved;
}

export function unscheduleCampaign(deps: StartDeps, id: number): CampaignRow {
  const row = getCampaign(deps.db, id);
  assertAllowed(row.state, 'unschedule');
  const moved = moveCampaign(deps.db, row, 'unschedule', 'draft', { scheduledAt: null });
  publish(deps, moved);
  return moved;
}

/** @throws AppError `wrong-state`: what was sent stays */
export function deleteCampaign(deps: Pick<Deps, 'db'>, id: number): void {
  const row = getCampaign(deps.db, id);
  assertAllowed(row.state, 'delete');
  deps.db.delete(campaigns).where(eq(campaigns.id, id)).run();
}

/** A new draft with the same content and lists. */
export function duplicateCampaign(deps: Pick<Deps, 'db'>, id: number, createdBy: string): CampaignRow {
  const row = getCampaign(deps.db, id);
  assertAllowed(row.state, 'duplicate');
  const { subject, fromName, fromAddress, replyTo, html, text, listIds, trackOpens, trackClicks, poolId } =
    row;
  return createCampaign(
    deps.db,
    {
      name: copyName(row.name),
      subject,
      fromName,
      fromAddress,
      replyTo,
      html,
      text,
      listIds,
      trackOpens,
      trackClicks,
      poolId,
    },
    createdBy,
  );
}

/** `夏のお知らせ` → `夏のお知らせ (2)` → `夏のお知らせ (3)`: needs no language. At most 200 characters. */
export function copyName(name: string): string {
  const numbered = / \((\d{1,4})\)$/.exec(name);
  const suffix = ` (${numbered ? Number(numbered[1]) + 1 : 2})`;
  const stem = numbered ? name.slice(0, numbered.index) : name;
  return stem.slice(0, 200 - suffix.length) + suffix;
}

function publish(deps: StartDeps, row: CampaignRow): void {
  deps.live.publish({ type: 'campaign', data: summary(deps.db, deps.spool, row) });
}
