import type { Database, Statement } from 'better-sqlite3';
import type { WarmUpWriter } from '../routing/warm-up.ts';
import type { WarmUpRow } from '../types.ts';

/** The MTA's side of table `warm_up`. */
export class WarmUpStore implements WarmUpWriter {
  readonly #load: Statement;
  readonly #removeIdle: Statement;
  readonly #write: (rows: readonly { row: WarmUpRow; stored: boolean }[]) => WarmUpRow[];

  constructor(db: Database) {
    this.#load = db.prepare('SELECT source, provider, day, step, sent, deferred FROM warm_up');
    this.#removeIdle = db.prepare('DELETE FROM warm_up WHERE day < ?');
    const insert = db.prepare(
      `INSERT INTO warm_up (source, provider, day, step, sent, deferred) VALUES (@source, @provider, @day, @step, @sent, @deferred)
       ON CONFLICT (source, provider) DO UPDATE SET day = excluded.day, step = excluded.step, sent = excluded.sent, deferred = excluded.deferred`,
    );
    // Not an upsert: a row that the server has removed (a warm-up that starts anew) must not come back.
    const update = db.prepare(
      `UPDATE warm_up SET day = @day, step = @step, sent = @sent, deferred = @deferred WHERE source = @source AND provider = @provider`,
    );
    const write = db.transaction((rows: readonly { row: WarmUpRow; stored: boolean }[]) =>
      rows
        .filter(({ row, stored }) => (stored ? update : insert).run(row).changes === 0)
        .map(({ row }) => row),
    );
    this.#write = (rows) => write.immediate(rows);
  }

  load(): WarmUpRow[] {
    return this.#load.all() as WarmUpRow[];
  }

  /** One durable transaction. Answers the rows that were stored before and are gone: the server has reset them. */
  write(rows: readonly { row: WarmUpRow; stored: boolean }[]): WarmUpRow[] {
    return this.#write(rows);
  }

  /** Rows whose last mail left before `day` (YYYY-MM-DD): a source that was idle for so long starts anew anyway. */
  removeIdle(day: string): number {
    return this.#removeIdle.run(day).changes;
  }
}
