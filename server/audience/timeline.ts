/** All that ever happened to a person, newest first: what todoke.db knows of them, merged with the ledger. */
import type { LedgerKind, LedgerRow, Spool } from '../../mta/index.ts';
import type { Db } from '../deps.ts';
import { AppError } from '../errors.ts';
import type { TimelineEntry } from './schemas.ts';
import { requireSubscriber, type SubscriberRow } from './subscribers.ts';

type Kind = TimelineEntry['kind'];

/** What todoke.db knows: a handful of entries, each with a key of its own so that a page can go on after it. */
interface Fact {
  at: number;
  key: string;
  kind: Kind;
  detail: string;
}

const KINDS: Record<LedgerKind, Kind> = {
  delivered: 'delivered',
  deferred: 'deferred',
  bounced: 'bounced',
  suppressed: 'skipped',
  opened: 'opened',
  clicked: 'clicked',
  unsubscribed: 'unsubscribed',
  complained: 'complained',
};
/** An unsubscribe stands in the ledger and in the membership; the two may differ by the way of a group commit. */
const SAME_EVENT_MS = 5000;

/** After this entry: the ledger's next id, and the last fact shown. */
interface Cursor {
  ledgerId: number | undefined;
  fact: { at: number; key: string } | undefined;
}

/** @throws AppError `not-found`, `invalid-request` for a cursor that no page has answered */
export function readTimeline(
  db: Db,
  spool: Spool,
  subscriberId: number,
  query: { limit: number; cursor?: string | undefined },
): { items: TimelineEntry[]; nextCursor: string | null } {
  const subscriber = requireSubscriber(db, subscriberId);
  const cursor = readCursor(query.cursor);
  // The first page fixes how far the ledger goes: what comes later must not turn up on an older page.
  cursor.ledgerId ??= spool.lastLedgerId() + 1;
  const ledger = spool.searchLedger({ subscriberId }, cursor.ledgerId, query.limit + 1);
  const facts = readFacts(db, spool, subscriber).filter(
    ({ at, key }) => !cursor.fact || comesAfter({ at, key }, cursor.fact),
  );
  const describe = ledgerDescriber(db);
  const items: TimelineEntry[] = [];
  let l = 0;
  let f = 0;
  while (items.length < query.limit) {
    const row = ledger[l];
    const fact = facts[f];
    if (row && (!fact || row.at >= fact.at)) {
      items.push(describe(row));
      cursor.ledgerId = row.id;
      l += 1;
    } else if (fact) {
      const { at, kind, detail } = fact;
      items.push({ at: new Date(at).toISOString(), kind, campaignId: null, campaignName: null, detail });
      cursor.fact = { at, key: fact.key };
      f += 1;
    } else break;
  }
  const more = l < ledger.length || f < facts.length;
  return { items, nextCursor: more ? writeCursor(cursor) : null };
}

/** Newest first, then by key. */
function comesAfter(a: { at: number; key: string }, b: { at: number; key: string }): boolean {
  return a.at < b.at || (a.at === b.at && a.key > b.key);
}

function readFacts(db: Db, spool: Spool, subscriber: SubscriberRow): Fact[] {
  const facts: Fact[] = [{ at: subscriber.createdAt, key: 'z', kind: 'created', detail: '' }];
  const memberships = db.$client
    .prepare(
      `SELECT m.list_id AS listId, l.name, m.state, m.source, m.created_at AS createdAt, m.unsubscribed_at AS unsubscribedAt
       FROM memberships m JOIN lists l ON l.id = m.list_id WHERE m.subscriber_id = ?`,
    )
    .all(subscriber.id) as {
    listId: number;
    name: string;
    state: string;
    source: string;
    createdAt: number;
    unsubscribedAt: number | null;
  }[];
  for (const { listId, name, state, createdAt, unsubscribedAt } of memberships) {
    // Somebody who left without having been a member has no beginning.
    if (createdAt !== unsubscribedAt)
      facts.push({ at: createdAt, key: `s${listId}`, kind: 'subscribed', detail: name });
    if (
      state === 'unsubscribed' &&
      unsubscribedAt !== null &&
      !inLedger(spool, subscriber.id, unsubscribedAt)
    ) {
      facts.push({ at: unsubscribedAt, key: `u${listId}`, kind: 'unsubscribed', detail: name });
    }
  }
  const suppressions = db.$client
    .prepare('SELECT id, reason, created_at AS at FROM suppressions WHERE email_key = ?')
    .all(subscriber.emailKey) as { id: number; reason: string; at: number }[];
  for (const { id, reason, at } of suppressions)
    facts.push({ at, key: `x${id}`, kind: 'suppressed', detail: reason });
  return facts.sort((a, b) => (comesAfter(b, a) ? -1 : 1));
}

function inLedger(spool: Spool, subscriberId: number, at: number): boolean {
  const filter = {
    subscriberId,
    kinds: ['unsubscribed' as const],
    from: at - SAME_EVENT_MS,
    to: at + SAME_EVENT_MS,
  };
  return spool.searchLedger(filter, undefined, 1).length > 0;
}

/** Looks campaigns, links and lists up, each once. */
function ledgerDescriber(db: Db): (row: LedgerRow) => TimelineEntry {
  const campaignByJob = db.$client.prepare('SELECT id, name FROM campaigns WHERE job_id = ?');
  const linkUrl = db.$client
    .prepare('SELECT url FROM campaign_links WHERE campaign_id = ? AND link_index = ?')
    .pluck();
  const listName = db.$client.prepare('SELECT name FROM lists WHERE id = ?').pluck();
  const campaigns = new Map<number, { id: number; name: string } | undefined>();
  return (row) => {
    if (!campaigns.has(row.jobId)) {
      campaigns.set(row.jobId, campaignByJob.get(row.jobId) as { id: number; name: string } | undefined);
    }
    const campaign = campaigns.get(row.jobId);
    let detail = row.reply || row.reason;
    if (row.kind === 'clicked')
      detail = campaign ? ((linkUrl.get(campaign.id, row.link) as string | undefined) ?? '') : '';
    else if (row.kind === 'unsubscribed') detail = (listName.get(row.listId) as string | undefined) ?? '';
    else if (row.kind === 'opened') detail = '';
    return {
      at: new Date(row.at).toISOString(),
      kind: KINDS[row.kind],
      campaignId: campaign?.id ?? null,
      campaignName: campaign?.name ?? null,
      detail,
    };
  };
}

function writeCursor({ ledgerId, fact }: Cursor): string {
  return Buffer.from(JSON.stringify([ledgerId ?? null, fact?.at ?? null, fact?.key ?? null])).toString(
    'base64url',
  );
}

function readCursor(text: string | undefined): Cursor {
  if (text === undefined || text === '') return { ledgerId: undefined, fact: undefined };
  try {
    const [ledgerId, at, key] = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown[];
    const fact = typeof at === 'number' && typeof key === 'string' ? { at, key } : undefined;
    if (typeof ledgerId === 'number') return { ledgerId, fact };
  } catch {
    // falls through: it is not ours
  }
  const message = 'is not one that a page has answered';
  throw new AppError('invalid-request', `cursor: ${message}`, [
    { pointer: 'cursor', code: 'cursor-invalid', message, value: text },
  ]);
}
