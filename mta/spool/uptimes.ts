import type { Database, Statement } from 'better-sqlite3';
import type { UptimeNote } from '../queue/uptime.ts';

const KEY = 'uptime';

/** Where the MTA notes that it is up. */
export class UptimeStore {
  readonly #load: Statement;
  readonly #save: Statement;

  constructor(db: Database) {
    this.#load = db.prepare('SELECT value FROM meta WHERE key = ?').pluck();
    this.#save = db.prepare(
      'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    );
  }

  /** undefined: it has never run */
  load(): UptimeNote | undefined {
    const json = this.#load.get(KEY) as string | undefined;
    return json === undefined ? undefined : (JSON.parse(json) as UptimeNote);
  }

  save(note: UptimeNote): void {
    this.#save.run(KEY, JSON.stringify(note));
  }
}
