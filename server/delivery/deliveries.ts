/** Ledger search: every attempt and event, with the names that the server knows. */
import { eq, inArray } from 'drizzle-orm';
import type { Static } from 'typebox';
import type { LedgerKind, LedgerRow } from '../../mta/index.ts';
import { campaigns, subscribers } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { AppError } from '../errors.ts';
import { readCursor } from '../http/paging.ts';
import { iso, readTime } from '../schemas.ts';
import { cutPage } from './page.ts';
import type { Delivery, DeliveryQuery } from './schemas.ts';

type Query = Static<typeof DeliveryQuery>;

/** What the ledger alone knows of a row: everything but whose it is. */
export function attemptOf(
  row: LedgerRow,
): Omit<Delivery, 'campaignId' | 'campaignName' | 'subscriberId' | 'recipient'> {
  return {
    id: row.id,
    at: iso(row.at),
    kind: row.kind,
    deliveryId: row.deliveryId,
    provider: row.provider,
    attempt: row.attempt,
    code: row.code,
    status: row.status,
    reason: row.reason,
    phase: row.phase,
    reply: row.reply,
    mx: row.mx,
    sourceIp: row.sourceIp,
    tls: row.tls,
    tlsPolicy: row.tlsPolicy,
    ms: row.ms,
  };
}

/** @throws AppError `not-found` for an unknown campaign, `invalid-request` for a bad cursor */
export function searchDeliveries(
  { db, spool }: Pick<Deps, 'db' | 'spool'>,
  query: Query,
): { items: Delivery[]; nextCursor: string | null } {
  const limit = query.limit ?? 50;
  const before = readCursor(query.cursor);
  let jobId: number | undefined;
  if (query.campaignId !== undefined) {
    const campaign = db
      .select({ jobId: campaigns.jobId })
      .from(campaigns)
      .where(eq(campaigns.id, query.campaignId))
      .get();
    if (!campaign) throw new AppError('not-found', `There is no campaign ${query.campaignId}`);
    // Not started: nothing was tried yet.
    if (campaign.jobId === null) return { items: [], nextCursor: null };
    jobId = campaign.jobId;
  }
  const page = cutPage(
    spool.searchLedger(
      {
        jobId,
        subscriberId: query.subscriberId,
        recipient: query.recipient?.trim() || undefined,
        domain: query.domain?.trim().toLowerCase() || undefined,
        kinds: query.kind === undefined ? undefined : [query.kind as LedgerKind],
        from: query.from === undefined ? undefined : readTime(query.from, 'from'),
        to: query.to === undefined ? undefined : readTime(query.to, 'to'),
      },
      before,
      limit + 1,
    ),
    limit,
  );

  const jobIds = [...new Set(page.items.map((row) => row.jobId))];
  const byJob = new Map(
    db
      .select({ id: campaigns.id, name: campaigns.name, jobId: campaigns.jobId })
      .from(campaigns)
      .where(inArray(campaigns.jobId, jobIds))
      .all()
      .map((campaign) => [campaign.jobId, campaign]),
  );
  const people = [...new Set(page.items.map((row) => row.subscriberId))];
  const emails = new Map(
    db
      .select({ id: subscribers.id, email: subscribers.email })
      .from(subscribers)
      .where(inArray(subscribers.id, people))
      .all()
      .map(({ id, email }) => [id, email]),
  );
  const items = page.items.map((row): Delivery => {
    const campaign = byJob.get(row.jobId);
    return {
      ...attemptOf(row),
      campaignId: campaign?.id ?? null,
      campaignName: campaign?.name ?? null,
      // an erased person has no page to link to
      subscriberId: emails.has(row.subscriberId) ? row.subscriberId : null,
      // events carry no address of their own
      recipient: row.recipient || (emails.get(row.subscriberId) ?? ''),
    };
  });
  return { items, nextCursor: page.nextCursor };
}
