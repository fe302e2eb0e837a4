/**
 * What came back by mail after it had been delivered. Its ledger row has attempt 0 and says of `ms` how long after the delivery it
 * came, so that a fold knows which minute's delivery was none. All that follows from inbound mail up to an id is in one transaction
 * with that id (`meta.inbound`): each mail has its effect exactly once, whatever is killed when.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { DeliveryIds } from '../message/signed-ids.ts';
import type { LedgerRow, Phase, Reason } from '../types.ts';
import { eventRow, ledgerWriter } from './ledger.ts';

/** A delivery as its ledger row tells it. */
export interface DeliveredRow extends DeliveryIds {
  at: number;
  /** '' when the person was erased */
  recipient: string;
  domain: string;
  provider: string;
}

export interface ReturnedReport {
  code: number;
  status: string;
  reason: Reason | '';
  phase: Phase | '';
  diagnostic: string;
}

/** What one mail says of one delivery. */
export interface ReturnedEvent {
  kind: 'bounced' | 'complained' | 'unsubscribed';
  /** epoch ms, when it came */
  at: number;
  deliveryId: number;
  /** Is this the delivery that is meant? Asked of what the ledger knows. */
  matches(delivery: DeliveredRow): boolean;
  /** for its recipient; only asked of bounces */
  report(recipient: string): ReturnedReport | undefined;
  /** who brought it: HELO name and address */
  host: string;
  ip: string;
}

export class Returned {
  readonly #cursor: Statement;
  readonly #setCursor: Statement;
  readonly #delivered: Statement;
  readonly #queued: Statement;
  readonly #first: Statement;
  readonly #move: Statement;
  readonly #write: (row: Omit<LedgerRow, 'id'>) => number;
  readonly #transaction: (events: readonly ReturnedEvent[], through: number) => number;

  constructor(db: Database) {
    this.#cursor = db.prepare(`SELECT value FROM meta WHERE key = 'inbound'`).pluck();
    this.#setCursor = db.prepare(`UPDATE meta SET value = ? WHERE key = 'inbound'`);
    this.#delivered = db.prepare(
      `SELECT at, job_id AS jobId, delivery_id AS deliveryId, subscriber_id AS subscriberId, list_id AS listId, recipient, domain,
         provider FROM ledger INDEXED BY ledger_delivered WHERE delivery_id = ? AND kind = 'delivered' ORDER BY id DESC LIMIT 1`,
    );
    this.#queued = db.prepare('SELECT 1 FROM queue WHERE id = ?').pluck();
    this.#first = db.prepare('INSERT OR IGNORE INTO returned (delivery_id, kind, at) VALUES (?, ?, ?)');
    this.#move = db.prepare('UPDATE job SET delivered = delivered - 1, bounced = bounced + 1 WHERE id = ?');
    this.#write = ledgerWriter(db);
    this.#transaction = db.transaction((events: readonly ReturnedEvent[], through: number): number => {
      let last = 0;
      for (const event of events) last = this.#apply(event) ?? last;
      this.#setCursor.run(through);
      return last;
    }).immediate;
  }

  /** The last mail of inbound.db whose effects are here. */
  cursor(): number {
    return this.#cursor.get() as number;
  }

  /**
   * Its outcome is not known here yet: a relay on the same machine may send a mail back before the 250 that it has given
   * is committed.
   */
  pending(deliveryId: number): boolean {
    return this.#delivered.get(deliveryId) === undefined && this.#queued.get(deliveryId) !== undefined;
  }

  /** Whose person was erased: what still comes back of it must not be kept. */
  isErased(deliveryId: number): boolean {
    return (this.#delivered.get(deliveryId) as DeliveredRow | undefined)?.recipient === '';
  }

  /** Durable when it returns. Answers the last ledger id that was written, 0 when none was. */
  write(events: readonly ReturnedEvent[], through: number): number {
    return this.#transaction(events, through);
  }

  #apply(event: ReturnedEvent): number | undefined {
    // Here, within the transaction: an erasure that has come in between has emptied its recipient.
    const delivery = this.#delivered.get(event.deliveryId) as DeliveredRow | undefined;
    if (!delivery || !event.matches(delivery)) return undefined;
    // Who came back may unsubscribe again by the same mail.
    if (event.kind !== 'unsubscribed') {
      if (this.#first.run(event.deliveryId, event.kind, event.at).changes === 0) return undefined;
    }
    return event.kind === 'bounced' ? this.#bounce(event, delivery) : this.#note(event, delivery, event.kind);
  }

  #note(event: ReturnedEvent, delivery: DeliveredRow, kind: 'complained' | 'unsubscribed'): number {
    const { jobId, deliveryId, subscriberId, listId } = delivery;
    const { at, ip } = event;
    const row = { kind, at, jobId, deliveryId, subscriberId, listId, link: -1, ip, userAgent: '' };
    return this.#write({ ...eventRow(row), mx: event.host });
  }

  #bounce(event: ReturnedEvent, delivery: DeliveredRow): number {
    const { recipient, domain, provider } = delivery;
    const report = event.report(recipient);
    const at = Math.max(event.at, delivery.at);
    this.#move.run(delivery.jobId);
    return this.#write({
      ...eventRow({ ...delivery, kind: 'bounced', at, link: -1, ip: '', userAgent: '' }),
      recipient,
      domain,
      provider,
      code: report?.code ?? 0,
      status: report?.status ?? '',
      reason: report?.reason || 'other',
      phase: report?.phase || 'none',
      // Its words name the person.
      reply: recipient === '' ? '' : (report?.diagnostic ?? ''),
      mx: event.host,
      ms: at - delivery.at,
    });
  }
}
