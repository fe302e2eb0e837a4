/** Campaigns as the API shows them. */
import { eq, inArray } from 'drizzle-orm';
import type { JobProgress, Spool } from '../../mta/index.ts';
import { campaignStats, ipPools } from '../db/schema.ts';
import type { Db } from '../deps.ts';
import { iso, isoOrNull } from '../schemas.ts';
import type { Campaign, CampaignSummary, Counts } from './schemas.ts';
import type { CampaignHead, CampaignRow } from './store.ts';

type Stats = typeof campaignStats.$inferSelect;
type SpoolView = Pick<Spool, 'job'>;

/**
 * `recipients` is the spool's number, the rest is folded from the ledger. The fold runs a moment behind, and never
 * ahead, so `queued` covers what it has not seen yet.
 */
export function countsOf(stats: Stats | undefined, job: JobProgress | undefined): Counts {
  const delivered = stats?.delivered ?? 0;
  const bounced = stats?.bounced ?? 0;
  const suppressed = stats?.suppressed ?? 0;
  const deferred = Math.max(0, stats?.deferred ?? 0);
  const recipients = job?.enqueued ?? 0;
  return {
    recipients,
    queued: Math.max(0, recipients - delivered - bounced - suppressed - deferred),
    sent: delivered + bounced + deferred,
    delivered,
    deferred,
    bounced,
    suppressed,
    opens: stats?.opens ?? 0,
    uniqueOpens: stats?.uniqueOpens ?? 0,
    clicks: stats?.clicks ?? 0,
    uniqueClicks: stats?.uniqueClicks ?? 0,
    unsubscribes: stats?.unsubscribes ?? 0,
    complaints: stats?.complaints ?? 0,
  };
}

/** Share of the audience that lies in the spool; subscriber ids are walked in order, so the cursor tells. */
function enqueueProgress(row: CampaignHead, job: JobProgress | undefined): number {
  if (!job) return 0;
  if (job.sealed) return 1;
  return row.audienceMaxId ? Math.min(0.999, job.cursor / row.audienceMaxId) : 0;
}

export function summaries(db: Db, spool: SpoolView, rows: readonly CampaignHead[]): CampaignSummary[] {
  const started = rows.filter((row) => row.jobId !== null).map((row) => row.id);
  const stats = new Map(
    started.length === 0
      ? []
      : db
          .select()
          .from(campaignStats)
          .where(inArray(campaignStats.campaignId, started))
          .all()
          .map((row): [number, Stats] => [row.campaignId, row]),
  );
  return rows.map((row) => {
    const job = row.jobId === null ? undefined : spool.job(row.jobId);
    return {
      id: row.id,
      name: row.name,
      state: row.state,
      subject: row.subject,
      from: { name: row.fromName, address: row.fromAddress },
      listIds: row.listIds,
      counts: countsOf(stats.get(row.id), job),
      enqueueProgress: enqueueProgress(row, job),
      scheduledAt: isoOrNull(row.scheduledAt),
      startedAt: isoOrNull(row.startedAt),
      finishedAt: isoOrNull(row.finishedAt),
      createdAt: iso(row.createdAt),
      updatedAt: iso(row.updatedAt),
    };
  });
}

export function summary(db: Db, spool: SpoolView, row: CampaignHead): CampaignSummary {
  return summaries(db, spool, [row])[0]!;
}

export function detail(db: Db, spool: SpoolView, row: CampaignRow): Campaign {
  return {
    ...summary(db, spool, row),
    replyTo: row.replyTo,
    html: row.html,
    text: row.text,
    trackOpens: row.trackOpens,
    trackClicks: row.trackClicks,
    poolId: row.poolId,
    poolName: poolName(db, row.poolId),
    revision: row.revision,
  };
}

function poolName(db: Db, id: number | null): string | null {
  if (id === null) return null;
  return db.select({ name: ipPools.name }).from(ipPools).where(eq(ipPools.id, id)).get()?.name ?? null;
}
