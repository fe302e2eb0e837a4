import type { Database, Statement } from 'better-sqlite3';
import type { Control } from '../types.ts';
import { CONTROL } from './orders.ts';

/** An order with how far back it reaches: mail that came after it is not touched by `bounce` and `retry`. */
export interface BookedControl extends Control {
  lastQueueId: number;
}

/** The MTA's side of the orders: it reads them, and writes how far it is with them. */
export class OrderBook {
  readonly #seq: Statement;
  readonly #active: Statement;
  readonly #count: Statement;
  readonly #done: Statement;
  readonly #expire: Statement;
  readonly #hasten: Statement;

  constructor(db: Database) {
    this.#seq = db.prepare(`SELECT value FROM meta WHERE key = 'orders'`).pluck();
    this.#active = db.prepare(
      `SELECT ${CONTROL}, last_queue_id AS lastQueueId FROM control WHERE state = 'active' ORDER BY id`,
    );
    this.#count = db.prepare('UPDATE control SET affected = affected + ? WHERE id = ?');
    this.#done = db.prepare(`UPDATE control SET state = 'done' WHERE id = ?`);
    this.#expire = db.prepare(
      `UPDATE control SET state = 'done' WHERE state = 'active' AND until IS NOT NULL AND until <= ?`,
    );
    this.#hasten = db.prepare(
      `UPDATE queue SET next_at = ? WHERE id IN (SELECT id FROM queue WHERE bucket_id = ? AND next_at > ? AND id <= ? LIMIT ?)`,
    );
  }

  /** Grows with every change that the server makes to orders or throttles. */
  seq(): number {
    return this.#seq.get() as number;
  }

  active(): BookedControl[] {
    return this.#active.all() as BookedControl[];
  }

  /** Mails that a `bounce` or `retry` has touched since the last call. */
  count(id: number, affected: number): void {
    this.#count.run(affected, id);
  }

  done(id: number): void {
    this.#done.run(id);
  }

  /** Pauses and reroutes whose time is over. */
  expire(now: number): void {
    this.#expire.run(now);
  }

  /** Makes up to `limit` of the bucket's mails due that wait for their next try; answers how many. */
  hasten(bucketId: number, through: number, now: number, limit: number): number {
    return this.#hasten.run(now, bucketId, now, through, limit).changes;
  }
}
