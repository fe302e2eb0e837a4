/** Writes a tally into the statistics tables: one statement for each counter row, inside the caller's transaction. */
import type { Statement } from 'better-sqlite3';
import type { Db } from '../deps.ts';
import { addTime, type CampaignTally, type EngagementDelta } from './tally.ts';

interface EngagementRow {
  openedAt: number | null;
  clickedAt: number | null;
  unsubscribedAt: number | null;
}

export class TallyWriter {
  readonly #stats: Statement;
  readonly #provider: Statement;
  readonly #time: Statement;
  readonly #link: Statement;
  readonly #engagement: Statement;
  readonly #engage: Statement;
  readonly #linkEngagement: Statement;

  constructor({ $client: db }: Db) {
    this.#stats = db.prepare(
      `INSERT INTO campaign_stats (campaign_id, delivered, deferred, deferrals, bounced, suppressed, opens, unique_opens, clicks,
         unique_clicks, unsubscribes, complaints)
       VALUES (@campaignId, @delivered, @deferred, @deferrals, @bounced, @suppressed, @opens, @uniqueOpens, @clicks,
         @uniqueClicks, @unsubscribes, @complaints)
       ON CONFLICT (campaign_id) DO UPDATE SET
         delivered = delivered + excluded.delivered, deferred = deferred + excluded.deferred,
         deferrals = deferrals + excluded.deferrals, bounced = bounced + excluded.bounced,
         suppressed = suppressed + excluded.suppressed, opens = opens + excluded.opens,
         unique_opens = unique_opens + excluded.unique_opens, clicks = clicks + excluded.clicks,
         unique_clicks = unique_clicks + excluded.unique_clicks, unsubscribes = unsubscribes + excluded.unsubscribes,
         complaints = complaints + excluded.complaints`,
    );
    this.#provider = db.prepare(
      `INSERT INTO campaign_provider_stats (campaign_id, provider, delivered, deferrals, bounced, suppressed)
       VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (campaign_id, provider) DO UPDATE SET
         delivered = delivered + excluded.delivered, deferrals = deferrals + excluded.deferrals,
         bounced = bounced + excluded.bounced, suppressed = suppressed + excluded.suppressed`,
    );
    this.#time = db.prepare(
      `INSERT INTO campaign_time_stats (campaign_id, minute, kind, count) VALUES (?, ?, ?, ?)
       ON CONFLICT (campaign_id, minute, kind) DO UPDATE SET count = count + excluded.count`,
    );
    this.#link = db.prepare(
      'UPDATE campaign_links SET clicks = clicks + ?, unique_clicks = unique_clicks + ? WHERE campaign_id = ? AND link_index = ?',
    );
    this.#engagement = db.prepare(
      `SELECT opened_at AS openedAt, clicked_at AS clickedAt, unsubscribed_at AS unsubscribedAt
       FROM engagements WHERE campaign_id = ? AND subscriber_id = ?`,
    );
    this.#engage = db.prepare(
      `INSERT INTO engagements (campaign_id, subscriber_id, opened_at, clicked_at, unsubscribed_at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (campaign_id, subscriber_id) DO UPDATE SET
         opened_at = coalesce(opened_at, excluded.opened_at), clicked_at = coalesce(clicked_at, excluded.clicked_at),
         unsubscribed_at = coalesce(unsubscribed_at, excluded.unsubscribed_at)`,
    );
    this.#linkEngagement = db.prepare(
      'INSERT OR IGNORE INTO link_engagements (campaign_id, subscriber_id, link_index) VALUES (?, ?, ?)',
    );
  }

  write(campaignId: number, tally: CampaignTally): void {
    const uniqueLinks = new Map<number, number>();
    let uniqueOpens = 0;
    let uniqueClicks = 0;
    let unsubscribes = 0;
    for (const delta of tally.engagements.values()) {
      const before = (this.#engagement.get(campaignId, delta.subscriberId) as EngagementRow | undefined) ?? {
        openedAt: null,
        clickedAt: null,
        unsubscribedAt: null,
      };
      if (before.openedAt === null && delta.openedAt !== null) uniqueOpens += 1;
      if (before.clickedAt === null && delta.clickedAt !== null) uniqueClicks += 1;
      if (before.unsubscribedAt === null && delta.unsubscribedAt !== null) {
        unsubscribes += 1;
        // Mail services repeat the one-click POST: only the first is an unsubscribe.
        addTime(tally, delta.unsubscribedAt, 'unsubscribed');
      }
      this.#writeEngagement(campaignId, delta, uniqueLinks);
    }
    this.#stats.run({ ...tally.stats, campaignId, uniqueOpens, uniqueClicks, unsubscribes });
    for (const [provider, delta] of tally.providers) {
      this.#provider.run(
        campaignId,
        provider,
        delta.delivered,
        delta.deferrals,
        delta.bounced,
        delta.suppressed,
      );
    }
    for (const [key, count] of tally.times) {
      const [minute, kind] = key.split(' ');
      this.#time.run(campaignId, Number(minute), kind, count);
    }
    for (const [index, clicks] of tally.links) {
      this.#link.run(clicks, uniqueLinks.get(index) ?? 0, campaignId, index);
    }
  }

  #writeEngagement(campaignId: number, delta: EngagementDelta, uniqueLinks: Map<number, number>): void {
    this.#engage.run(campaignId, delta.subscriberId, delta.openedAt, delta.clickedAt, delta.unsubscribedAt);
    for (const index of delta.links) {
      if (this.#linkEngagement.run(campaignId, delta.subscriberId, index).changes > 0) {
        uniqueLinks.set(index, (uniqueLinks.get(index) ?? 0) + 1);
      }
    }
  }
}
