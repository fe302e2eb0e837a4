/** Starting a campaign: check, freeze the content, hand over to the worker. */

import { compileContent } from '../../mta/index.ts';
import { campaignLinks, campaignStats } from '../db/schema.ts';
import { listReadiness } from '../delivery/sending-domains.ts';
import type { Deps } from '../deps.ts';
import { AppError } from '../errors.ts';
import { countAudience } from './audience.ts';
import { compileAndTry, contentInvalid, contentSource, findLists, knownVariables } from './content.ts';
import { asFieldError, preflight, unresolved } from './preflight.ts';
import { assertAllowed } from './state.ts';
import { type CampaignRow, getCampaign, moveCampaign } from './store.ts';
import { summary } from './view.ts';

export type StartDeps = Pick<Deps, 'db' | 'spool' | 'jobs' | 'live' | 'mta'>;

export interface Override {
  code: string;
  reason: string;
}

/** The findings as they are now; reads only. */
export async function checkCampaign(
  deps: Pick<Deps, 'db' | 'spool'>,
  row: CampaignRow,
): Promise<ReturnType<typeof preflight>> {
  const { db, spool } = deps;
  const known = findLists(db, row.listIds);
  const compiled = compileAndTry(contentSource(row, known));
  const delivery = spool.settings();
  return preflight({
    from: { name: row.fromName, address: row.fromAddress },
    replyTo: row.replyTo,
    subject: row.subject,
    html: row.html,
    text: row.text,
    listIds: row.listIds,
    knownListIds: known.map(({ id }) => id),
    recipients: known.length === 0 ? undefined : (await countAudience(db, row.listIds)).recipients,
    compiled: compiled.ok ? { ok: true, variables: compiled.content.variables } : compiled,
    knownVariables: knownVariables(db),
    mode: delivery?.mode ?? 'sandbox',
    stopped: spool.stopped(),
    publicUrl: delivery?.publicUrl ?? '',
    sendingDomains: listReadiness(deps),
  });
}

/**
 * @throws AppError `content-invalid` (places in the content), `preflight-failed` (all unresolved findings)
 */
export async function assertReady(
  deps: Pick<Deps, 'db' | 'spool'>,
  row: CampaignRow,
  overrides: readonly Override[],
): Promise<void> {
  const findings = await checkCampaign(deps, row);
  const open = unresolved(findings, new Set(overrides.map(({ code }) => code)));
  if (open.length === 0) return;
  if (open.every(({ line }) => line !== undefined)) {
    const compiled = compileAndTry(contentSource(row, findLists(deps.db, row.listIds)));
    if (!compiled.ok) throw contentInvalid(compiled.errors);
  }
  throw new AppError(
    'preflight-failed',
    open.map(({ message }) => message).join('; '),
    open.map(asFieldError),
  );
}

/**
 * Starts it now. The spool's job comes first, as it is idempotent by its ref: after a crash before the second write the
 * campaign is still a draft, and the next start finds the same job. The ref holds the revision, so that a draft that
 * was changed in between never sends the older content.
 * @throws AppError `wrong-state`, `content-invalid`, `preflight-failed`, `revision-conflict`
 */
export async function startCampaign(
  deps: StartDeps,
  id: number,
  options: { overrides: readonly Override[]; now: number },
): Promise<CampaignRow> {
  const { db, spool } = deps;
  const row = getCampaign(db, id);
  assertAllowed(row.state, 'start');
  await assertReady(deps, row, options.overrides);

  const content = contentSource(row, findLists(db, row.listIds));
  const compiled = compileContent(content);
  if (!compiled.ok) throw contentInvalid(compiled.errors);
  const jobId = spool.createJob({
    ref: `campaign:${id}:${row.revision}`,
    class: 'bulk',
    content,
    poolId: row.poolId ?? undefined,
  });
  const audienceMaxId = db.$client
    .prepare('SELECT coalesce(max(id), 0) FROM subscribers')
    .pluck()
    .get() as number;
  const started = db.transaction(
    (tx) => {
      const moved = moveCampaign(deps.db, row, 'start', 'sending', {
        jobId,
        audienceMaxId,
        startedAt: options.now,
        scheduledAt: row.scheduledAt,
      });
      for (const { index, url, text } of compiled.content.links) {
        tx.insert(campaignLinks).values({ campaignId: id, index, url, text }).run();
      }
      tx.insert(campaignStats).values({ campaignId: id }).run();
      return moved;
    },
    { behavior: 'immediate' },
  );
  deps.jobs.run({ kind: 'enqueue', id });
  deps.live.publish({ type: 'campaign', data: summary(db, spool, started) });
  return started;
}
