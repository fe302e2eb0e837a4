/**
 * sandbox.db: a third file beside todoke.db and spool.db, against the rule of two files, because its mail is
 * disposable: hundreds of megabytes of test mail must neither bloat the spool's backups nor hold its write lock.
 * Losing it loses nothing that was promised, so nothing in it is synced.
 */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';

/** Opens (and makes, readable by its owner alone) the sandbox's file. Both processes do: whoever comes first makes it. */
export function openSandboxFile(dataDir: string): Database {
  const path = join(dataDir, 'sandbox.db');
  closeSync(openSync(path, 'a', 0o600));
  const db = new Sqlite(path, { timeout: 10_000 });
  // Before the first table; lets `clear` give the space back without the exclusive lock of a VACUUM.
  db.pragma('auto_vacuum = INCREMENTAL');
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = OFF');
  // A mail that is cleared, dropped or erased leaves nothing readable in free pages.
  db.pragma('secure_delete = ON');
  // Bodies apart, so that listing, counting and adding up sizes never walks through them.
  db.exec(`
    CREATE TABLE IF NOT EXISTS messages (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      at INTEGER NOT NULL,
      mail_from TEXT NOT NULL,
      rcpt_to TEXT NOT NULL,
      header_from TEXT NOT NULL,
      subject TEXT NOT NULL,
      size INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS bodies (id INTEGER PRIMARY KEY, raw BLOB NOT NULL) STRICT;
  `);
  return db;
}
