import type { Database, Statement } from 'better-sqlite3';

/** rows of one transaction: a few tens of ms at most */
const SLICE = 2000;

/** When mails are due, changed for other reasons than an attempt. */
export class DueTimes {
  readonly #hasten: Statement;
  readonly #through: Statement;
  readonly #shift: Statement;

  constructor(db: Database) {
    this.#hasten = db.prepare('UPDATE queue SET next_at = ? WHERE id = ? AND next_at > ?');
    this.#through = db
      .prepare(
        `SELECT next_at FROM queue WHERE bucket_id = ? AND next_at > ? ORDER BY next_at LIMIT 1 OFFSET ${SLICE - 1}`,
      )
      .pluck();
    this.#shift = db.prepare(
      'UPDATE queue SET next_at = next_at - ? WHERE bucket_id = ? AND next_at > ? AND next_at <= ?',
    );
  }

  /** Makes one mail due at `now` (epoch ms) that would be due later. */
  hasten(rowId: number, now: number): void {
    this.#hasten.run(now, rowId, now);
  }

  /**
   * Brings forward by `by` ms the bucket's mails that are due after `after`, the first 2,000 of them. Answers the time to go on after, null:
   * that was all. What was moved lies before that time, so nothing is moved twice.
   */
  shift(bucketId: number, after: number, by: number): number | null {
    const through = this.#through.get(bucketId, after) as number | undefined;
    this.#shift.run(by, bucketId, after, through ?? Number.MAX_SAFE_INTEGER);
    return through ?? null;
  }
}
