/**
 * sandbox.db: a third file beside todoke.db and spool.db, against the rule of two files, because its mail is
 * disposable: hundreds of megabytes of test mail must neither bloat the spool's backups nor hold its write lock.
 * Losing it loses nothing that was promised, so nothing in it is synced.
 */
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { openOwnFile } from '../own-file.ts';

/** Opens (and makes, readable by its owner alone) the sandbox's file. Both processes do: whoever comes first makes it. */
export function openSandboxFile(dataDir: string): Database {
  const db = openOwnFile(join(dataDir, 'sandbox.db'), 'OFF');
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
