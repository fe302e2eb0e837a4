/** A campaign's report and the home screen: read from folded statistics, never from the ledger itself. */
import { and, asc, desc, eq, gte, inArray, isNotNull, sql } from 'drizzle-orm';
import type { Spool } from '../../mta/index.ts';
import {
  campaignLinks,
  campaignProviderStats,
  campaigns,
  campaignTimeStats,
  lists,
  sendingDomains,
  subscribers,
} from '../db/schema.ts';
import type { Db } from '../deps.ts';
import { iso } from '../schemas.ts';
import type { CampaignSummary, Counts, Overview, Report } from './schemas.ts';
import { type CampaignRow, campaignHeads } from './store.ts';
import { MINUTE } from './tally.ts';
import { summaries, summary } from './view.ts';

export const POINTS_MAX = 200;
/** seconds that a chart's step may have: whole minutes, hours and days */
const STEPS = [60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86_400, 7 * 86_400, 28 * 86_400];
const SERIES = ['delivered', 'bounced', 'deferred', 'opened', 'clicked', 'unsubscribed'] as const;
const DAY = 86_400_000;
const RECENT = 5;

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

export function report(db: Db, spool: Spool, row: CampaignRow): Report {
  const campaign = summary(db, spool, row);
  return {
    campaign,
    counts: campaign.counts,
    rates: ratesOf(campaign.counts),
    byProvider: db
      .select({
        provider: campaignProviderStats.provider,
        delivered: campaignProviderStats.delivered,
        deferrals: campaignProviderStats.deferrals,
        bounced: campaignProviderStats.bounced,
        suppressed: campaignProviderStats.suppressed,
      })
      .from(campaignProviderStats)
      .where(eq(campaignProviderStats.campaignId, row.id))
      .orderBy(desc(campaignProviderStats.delivered), asc(campaignProviderStats.provider))
      .all(),
    links: db
      .select({
        index: campaignLinks.index,
        url: campaignLinks.url,
        text: campaignLinks.text,
        clicks: campaignLinks.clicks,
        uniqueClicks: campaignLinks.uniqueClicks,
      })
      .from(campaignLinks)
      .where(eq(campaignLinks.campaignId, row.id))
      .orderBy(campaignLinks.index)
      .all(),
    overTime: overTime(
      db
        .select({
          minute: campaignTimeStats.minute,
          kind: campaignTimeStats.kind,
          count: campaignTimeStats.count,
        })
        .from(campaignTimeStats)
        .where(eq(campaignTimeStats.campaignId, row.id))
        .orderBy(campaignTimeStats.minute)
        .all(),
    ),
    bounceReasons: row.jobId === null ? [] : spool.bounceReasons(row.jobId),
  };
}

/** Shares of what was delivered, but deliveries and bounces of what was sent. People, not events. */
export function ratesOf(counts: Counts): Report['rates'] {
  return {
    delivered: ratio(counts.delivered, counts.sent),
    bounced: ratio(counts.bounced, counts.sent),
    opened: ratio(counts.uniqueOpens, counts.delivered),
    clicked: ratio(counts.uniqueClicks, counts.delivered),
    unsubscribed: ratio(counts.unsubscribes, counts.delivered),
  };
}

/**
 * Points without a gap from the first to the last minute, so that a chart can be drawn as it is.
 * @param minutes ascending
 */
export function overTime(
  minutes: readonly { minute: number; kind: string; count: number }[],
): Report['overTime'] {
  const first = minutes[0]?.minute;
  const last = minutes.at(-1)?.minute;
  if (first === undefined || last === undefined) return { step: 60, points: [] };
  const step =
    STEPS.find((seconds) => pointsOf(first, last, seconds) <= POINTS_MAX) ?? yearsStep(first, last);
  const ms = step * 1000;
  const start = first - (first % ms);
  const points = Array.from({ length: pointsOf(first, last, step) }, (_, index) => ({
    at: iso(start + index * ms),
    delivered: 0,
    bounced: 0,
    deferred: 0,
    opened: 0,
    clicked: 0,
    unsubscribed: 0,
  }));
  for (const { minute, kind, count } of minutes) {
    const series = SERIES.find((name) => name === kind);
    if (series) points[Math.floor((minute - start) / ms)]![series] += count;
  }
  return { step, points };
}

function pointsOf(first: number, last: number, step: number): number {
  const ms = step * 1000;
  return Math.floor(last / ms) - Math.floor(first / ms) + 1;
}

/** Somebody opens a mail after fifteen years. */
function yearsStep(first: number, last: number): number {
  const minutes = Math.ceil((last - first) / MINUTE / (POINTS_MAX - 2));
  return minutes * 60;
}

/** What the home screen shows. */
export function overview(db: Db, spool: Spool, now: number): Overview {
  const sending = idsWhere(db, 'sending');
  const recent = db
    .select({ id: campaigns.id })
    .from(campaigns)
    .orderBy(desc(campaigns.updatedAt), desc(campaigns.id))
    .limit(RECENT)
    .all()
    .map(({ id }) => id);
  const month = db
    .select({ id: campaigns.id })
    .from(campaigns)
    .where(and(isNotNull(campaigns.startedAt), gte(campaigns.startedAt, now - 30 * DAY)))
    .all()
    .map(({ id }) => id);
  const shown = new Map(
    summaries(db, spool, campaignHeads(db, [...new Set([...sending, ...recent, ...month])])).map(
      (campaign): [number, CampaignSummary] => [campaign.id, campaign],
    ),
  );
  const pick = (ids: readonly number[]): CampaignSummary[] => ids.flatMap((id) => shown.get(id) ?? []);
  const people = db.select({ n: sql<number>`count(*)` }).from(subscribers).get()!.n;
  const listCount = db.select({ n: sql<number>`count(*)` }).from(lists).get()!.n;
  return {
    subscribers: people,
    lists: listCount,
    last30Days: sumCounts(pick(month).map(({ counts }) => counts)),
    sending: pick(sending),
    recent: pick(recent),
    todo: firstSteps({
      'sending-domain':
        db.select({ id: sendingDomains.id }).from(sendingDomains).limit(1).get() !== undefined,
      list: listCount > 0,
      subscribers: people > 0,
      campaign: shown.size > 0,
      live: spool.settings()?.mode === 'live',
    }),
  };
}

function idsWhere(db: Db, state: 'sending'): number[] {
  return db
    .select({ id: campaigns.id })
    .from(campaigns)
    .where(inArray(campaigns.state, [state, 'paused']))
    .orderBy(desc(campaigns.startedAt))
    .all()
    .map(({ id }) => id);
}

function firstSteps(done: Record<string, boolean>): string[] {
  return Object.keys(done).filter((step) => !done[step]);
}

function sumCounts(all: readonly Counts[]): Counts {
  const sum: Counts = {
    recipients: 0,
    queued: 0,
    sent: 0,
    delivered: 0,
    deferred: 0,
    bounced: 0,
    suppressed: 0,
    opens: 0,
    uniqueOpens: 0,
    clicks: 0,
    uniqueClicks: 0,
    unsubscribes: 0,
    complaints: 0,
  };
  for (const counts of all) {
    for (const name of Object.keys(sum) as (keyof Counts)[]) sum[name] += counts[name];
  }
  return sum;
}
