/**
 * What a batch of ledger rows adds to the counters of campaigns: pure, so that a test can add up in its own way and
 * compare. Who did something for the first time is not known here; the writer asks `engagements`.
 */
import type { FoldRow } from '../../mta/index.ts';

/** Columns of campaign_stats that are plain sums of rows. */
export interface StatsDelta {
  delivered: number;
  deferred: number;
  deferrals: number;
  bounced: number;
  suppressed: number;
  opens: number;
  clicks: number;
  complaints: number;
}

export interface ProviderDelta {
  delivered: number;
  deferrals: number;
  bounced: number;
  suppressed: number;
}

/** One person in one campaign: the earliest time of each in the batch. */
export interface EngagementDelta {
  subscriberId: number;
  openedAt: number | null;
  clickedAt: number | null;
  unsubscribedAt: number | null;
  links: Set<number>;
}

export interface CampaignTally {
  stats: StatsDelta;
  providers: Map<string, ProviderDelta>;
  /** `MINUTE KIND` → rows */
  times: Map<string, number>;
  /** link index → clicks */
  links: Map<number, number>;
  engagements: Map<number, EngagementDelta>;
}

export const MINUTE = 60_000;
const minuteOf = (at: number): number => at - (at % MINUTE);

/** Adds up rows of known campaigns; rows of other jobs (tests, single messages) are not counted here. */
export function tally(
  rows: readonly FoldRow[],
  campaignOf: (jobId: number) => number | undefined,
): Map<number, CampaignTally> {
  const tallies = new Map<number, CampaignTally>();
  for (const row of rows) {
    const campaignId = campaignOf(row.jobId);
    if (campaignId === undefined) continue;
    let found = tallies.get(campaignId);
    if (!found) {
      found = emptyTally();
      tallies.set(campaignId, found);
    }
    addRow(found, row);
  }
  return tallies;
}

function addRow(to: CampaignTally, row: FoldRow): void {
  const { stats } = to;
  switch (row.kind) {
    case 'delivered':
    case 'bounced':
    case 'suppressed':
      stats[row.kind] += row.count;
      if (wasDeferred(row)) stats.deferred -= 1;
      addProvider(to, row.provider, row.kind, row.count);
      if (row.kind !== 'suppressed') addTime(to, row.at, row.kind, row.count);
      if (cameBack(row)) takeBack(to, row);
      break;
    case 'deferred':
      stats.deferrals += 1;
      if (row.attempt === 1) stats.deferred += 1;
      addProvider(to, row.provider, 'deferrals');
      addTime(to, row.at, 'deferred');
      break;
    case 'opened':
      stats.opens += 1;
      addTime(to, row.at, 'opened');
      engage(to, row, 'openedAt');
      break;
    case 'clicked':
      stats.clicks += 1;
      addTime(to, row.at, 'clicked');
      to.links.set(row.link, (to.links.get(row.link) ?? 0) + 1);
      engage(to, row, 'clickedAt');
      // Who clicks has read it, though images may be off: the open pixel alone would undercount.
      engage(to, row, 'openedAt');
      break;
    case 'unsubscribed':
      engage(to, row, 'unsubscribedAt');
      break;
    case 'complained':
      stats.complaints += 1;
      break;
  }
}

/** A bounce that came by mail, after its delivery had been counted. */
function cameBack(row: FoldRow): boolean {
  return row.kind === 'bounced' && row.attempt === 0;
}

/** It was no delivery: not at its provider, and not in its minute, which `ms` leads back to. So every person stays counted once. */
function takeBack(to: CampaignTally, row: FoldRow): void {
  to.stats.delivered -= 1;
  addProvider(to, row.provider, 'delivered', -1);
  addTime(to, row.at - row.ms, 'delivered', -1);
}

/**
 * Was this mail waiting for another attempt? An outcome's `attempt` counts itself, but a suppression is no attempt: it
 * carries the number of those before.
 */
function wasDeferred(row: FoldRow): boolean {
  return row.kind === 'suppressed' ? row.attempt >= 1 : row.attempt > 1;
}

function addProvider(to: CampaignTally, provider: string, column: keyof ProviderDelta, count = 1): void {
  // Suppressed before anybody looked where it would go.
  if (provider === '') return;
  let found = to.providers.get(provider);
  if (!found) {
    found = { delivered: 0, deferrals: 0, bounced: 0, suppressed: 0 };
    to.providers.set(provider, found);
  }
  found[column] += count;
}

export function addTime(to: CampaignTally, at: number, kind: string, count = 1): void {
  const key = `${minuteOf(at)} ${kind}`;
  to.times.set(key, (to.times.get(key) ?? 0) + count);
}

function engage(to: CampaignTally, row: FoldRow, what: 'openedAt' | 'clickedAt' | 'unsubscribedAt'): void {
  if (row.subscriberId === 0) return;
  let found = to.engagements.get(row.subscriberId);
  if (!found) {
    found = {
      subscriberId: row.subscriberId,
      openedAt: null,
      clickedAt: null,
      unsubscribedAt: null,
      links: new Set(),
    };
    to.engagements.set(row.subscriberId, found);
  }
  found[what] ??= row.at;
  if (what === 'clickedAt') found.links.add(row.link);
}

function emptyTally(): CampaignTally {
  return {
    stats: {
      delivered: 0,
      deferred: 0,
      deferrals: 0,
      bounced: 0,
      suppressed: 0,
      opens: 0,
      clicks: 0,
      complaints: 0,
    },
    providers: new Map(),
    times: new Map(),
    links: new Map(),
    engagements: new Map(),
  };
}
