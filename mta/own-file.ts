import { closeSync, openSync } from 'node:fs';
import Sqlite, { type Database } from 'better-sqlite3';

/**
 * Opens a file beside the spool for mail that comes and goes, and makes it, readable by its owner alone. `synchronous`: FULL, a commit is on disk
 * when it returns; OFF, its loss loses nothing that was promised. What is removed leaves nothing readable in free pages.
 */
export function openOwnFile(path: string, synchronous: 'FULL' | 'OFF'): Database {
  closeSync(openSync(path, 'a', 0o600));
  const db = new Sqlite(path, { timeout: 10_000 });
  // Before the first table; gives space back without the exclusive lock of a VACUUM.
  db.pragma('auto_vacuum = INCREMENTAL');
  db.pragma('journal_mode = WAL');
  db.pragma(`synchronous = ${synchronous}`);
  db.pragma('secure_delete = ON');
  return db;
}
