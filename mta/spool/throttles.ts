import type { Database, Statement } from 'better-sqlite3';
import type { ThrottleWriter } from '../shaping/throttles.ts';
import type { Throttle } from '../types.ts';
import { THROTTLE } from './orders.ts';

/** The MTA's side of table `throttle`. It never touches `meta.orders`: only the server tells the MTA of changes. */
export class ThrottleStore implements ThrottleWriter {
  readonly #load: Statement;
  readonly #save: Statement;
  readonly #removeOver: Statement;

  constructor(db: Database) {
    this.#load = db.prepare(`SELECT ${THROTTLE} FROM throttle WHERE until IS NULL OR until > ? ORDER BY id`);
    this.#save = db
      .prepare(
        `INSERT INTO throttle (kind, source, site, provider, sending_domain, per_minute, connections, since, until, cause, times, reply)
         VALUES (@kind, @source, @site, @provider, @sendingDomain, @perMinute, @connections, @since, @until, @trigger, @times, @reply)
         ON CONFLICT (kind, source, site, provider, sending_domain) DO UPDATE SET per_minute = excluded.per_minute,
           connections = excluded.connections, since = excluded.since, until = excluded.until, cause = excluded.cause,
           times = excluded.times, reply = excluded.reply
         RETURNING id`,
      )
      .pluck();
    this.#removeOver = db.prepare('DELETE FROM throttle WHERE until <= ?');
  }

  /** Those that hold at `now` (epoch ms). */
  load(now: number): Throttle[] {
    return this.#load.all(now) as Throttle[];
  }

  /** Durable when it returns. Answers its id, which stays the same while it is prolonged. */
  save(throttle: Throttle): number {
    return this.#save.get(throttle) as number;
  }

  removeOver(now: number): void {
    this.#removeOver.run(now);
  }
}
