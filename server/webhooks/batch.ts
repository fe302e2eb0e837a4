/**
 * Batches of events: a range of the ledger and of the outbox, and the body that follows from it. Only the range is kept:
 * the body is built again for each attempt, so that a person who was erased meanwhile is in none.
 */
import type { Statement } from 'better-sqlite3';
import type { JobLedgerRow, Spool } from '../../mta/index.ts';
import type { Db } from '../deps.ts';
import {
  campaignEvent,
  type Filter,
  ledgerEvent,
  ledgerFilter,
  type Names,
  type OutboxRow,
  type Owner,
  type WebhookEvent,
  wantsCampaignEvent,
} from './events.ts';

export interface Position {
  ledgerId: number;
  outboxId: number;
}
/** From exclusive, through inclusive. */
export interface Range {
  from: Position;
  through: Position;
}

/** Ledger ids that are walked over at a time: some milliseconds, after which others have their turn. */
const SLICE = 10_000;
const MAX_BYTES = 1_000_000;

interface Item {
  event: WebhookEvent;
  ledgerId?: number;
  outboxId?: number;
}

export class Batches {
  readonly #spool: Spool;
  readonly #outbox: Statement;
  readonly #emails: Statement;
  readonly #campaignLinks: Statement;
  readonly #messageLinks: Statement;

  constructor(db: Db, spool: Spool) {
    this.#spool = spool;
    this.#outbox = db.$client.prepare(
      `SELECT id, at, type, campaign_id AS campaignId, ledger_id AS ledgerId, detail FROM webhook_outbox
       WHERE id > ? AND id <= ? AND ledger_id <= ? ORDER BY id LIMIT ?`,
    );
    this.#emails = db.$client.prepare(
      'SELECT id, email FROM subscribers WHERE id IN (SELECT value FROM json_each(?))',
    );
    this.#campaignLinks = db.$client
      .prepare('SELECT link_index, url FROM campaign_links WHERE campaign_id = ?')
      .raw();
    this.#messageLinks = db.$client.prepare('SELECT links FROM messages WHERE id = ?').pluck();
  }

  /**
   * The next events after a position, as many as one request takes. `count` 0: there is nothing up to `range.through`.
   * @param breathe is awaited between slices of the ledger
   */
  async next(
    from: Position,
    filter: Filter,
    limit: number,
    breathe: () => Promise<void>,
  ): Promise<{ range: Range; count: number }> {
    const wanted = ledgerFilter(filter);
    const last = this.#spool.lastLedgerId();
    const rows: JobLedgerRow[] = [];
    let at = from.ledgerId;
    while (at < last && rows.length < limit) {
      const through = wanted ? Math.min(at + SLICE, last) : last;
      if (wanted) rows.push(...this.#spool.readLedgerOf(wanted, at, through, limit - rows.length));
      at = rows.length >= limit ? rows.at(-1)!.id : through;
      if (at < last && rows.length < limit) await breathe();
    }
    // A ledger that is shorter than it was (a restored backup) must not move anybody back.
    at = Math.max(at, from.ledgerId);
    const outbox = this.#ends(from.outboxId, Number.MAX_SAFE_INTEGER, at, limit);
    const items = this.#items(rows, outbox, filter);
    const kept = cut(items, limit);
    const range: Range = {
      from,
      through:
        kept.length === items.length
          ? { ledgerId: at, outboxId: outbox.at(-1)?.id ?? from.outboxId }
          : {
              ledgerId: kept.findLast((item) => item.ledgerId !== undefined)?.ledgerId ?? from.ledgerId,
              outboxId: kept.findLast((item) => item.outboxId !== undefined)?.outboxId ?? from.outboxId,
            },
    };
    return { range, count: kept.length };
  }

  /** The events of a range that `next` answered. */
  events({ from, through }: Range, filter: Filter): WebhookEvent[] {
    const wanted = ledgerFilter(filter);
    const rows = wanted
      ? this.#spool.readLedgerOf(wanted, from.ledgerId, through.ledgerId, Number.MAX_SAFE_INTEGER)
      : [];
    const outbox = this.#ends(from.outboxId, through.outboxId, Number.MAX_SAFE_INTEGER, -1);
    return this.#items(rows, outbox, filter).map(({ event }) => event);
  }

  #ends(after: number, through: number, ledgerId: number, limit: number): OutboxRow[] {
    const rows = this.#outbox.all(after, through, ledgerId, limit) as (Omit<OutboxRow, 'detail'> & {
      detail: string;
    })[];
    return rows.map((row) => ({ ...row, detail: JSON.parse(row.detail) as OutboxRow['detail'] }));
  }

  /** In the order in which it happened: an end of a campaign comes after the rows that the fold had read by then. */
  #items(rows: JobLedgerRow[], outbox: OutboxRow[], filter: Filter): Item[] {
    const names = this.#names(rows);
    const ends = outbox.filter(({ type }) => wantsCampaignEvent(filter, type));
    const items: Item[] = [];
    for (const row of rows) {
      while (ends[0] && ends[0].ledgerId < row.id) items.push(endItem(ends.shift()!));
      items.push({ event: ledgerEvent(row, names), ledgerId: row.id });
    }
    return [...items, ...ends.map(endItem)];
  }

  #names(rows: readonly JobLedgerRow[]): Names {
    const ids = [...new Set(rows.map((row) => row.subscriberId).filter((id) => id > 0))];
    const found = this.#emails.all(JSON.stringify(ids)) as { id: number; email: string }[];
    const emails = new Map(found.map(({ id, email }) => [id, email]));
    const links = new Map<string, Map<number, string>>();
    return {
      email: (id) => emails.get(id),
      link: (owner, index) => {
        if (owner === null) return undefined;
        const key = JSON.stringify(owner);
        const known = links.get(key) ?? this.#links(owner);
        links.set(key, known);
        return known.get(index);
      },
    };
  }

  /** By index, as they were compiled. */
  #links(owner: NonNullable<Owner>): Map<number, string> {
    if ('campaignId' in owner)
      return new Map(this.#campaignLinks.all(owner.campaignId) as [number, string][]);
    const links = this.#messageLinks.get(owner.messageId) as string | undefined;
    return new Map((JSON.parse(links ?? '[]') as string[]).entries());
  }
}

const endItem = (row: OutboxRow): Item => ({ event: campaignEvent(row), outboxId: row.id });

/** At most `limit` items, and fewer when they would be too many bytes; never none of some. */
function cut(items: readonly Item[], limit: number): readonly Item[] {
  let bytes = 0;
  for (const [index, { event }] of items.entries()) {
    bytes += Buffer.byteLength(JSON.stringify(event)) + 1;
    if (index === limit || (bytes > MAX_BYTES && index > 0)) return items.slice(0, index);
  }
  return items;
}

export const bodyOf = (events: readonly WebhookEvent[]): Buffer => Buffer.from(JSON.stringify({ events }));
