/**
 * inbound.db: what came by SMTP, from the 250 until it is 14 days old. A file of its own, because a flood of bounces must
 * neither wait for the spool's write lock nor hold it. What follows from a mail goes into spool.db (see reader.ts).
 *
 * - `mail` is the envelope and, once it was read, what it was (`kind`, `result`).
 * - `part` is the mail as it came, in pieces of 64 KB: a large one is written while it arrives, so it is never in memory
 *   as a whole. Pieces whose mail never got its row (the client went away, kill -9) are removed at the next start.
 * - ids are AUTOINCREMENT and in commit order: the reader remembers the last one, in spool.db.
 */
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { openOwnFile } from '../own-file.ts';

export const inboundFile = (dataDir: string): string => join(dataDir, 'inbound.db');

/** Opens the file, and makes it (readable by its owner alone). A commit is on disk when it returns. */
export function openInboundFile(dataDir: string): Database {
  const db = openOwnFile(inboundFile(dataDir), 'FULL');
  db.exec(`
    CREATE TABLE IF NOT EXISTS mail (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      at INTEGER NOT NULL,
      ip TEXT NOT NULL,
      helo TEXT NOT NULL,
      tls TEXT NOT NULL,
      mail_from TEXT NOT NULL,
      size INTEGER NOT NULL,
      -- whose pieces are its own; NULL when they were dropped for their size
      upload INTEGER,
      -- NULL: not read yet
      kind TEXT,
      -- JSON of the reports
      result TEXT NOT NULL DEFAULT '[]'
    ) STRICT;
    CREATE INDEX IF NOT EXISTS mail_unread ON mail (kind, size) WHERE kind IS NULL;
    CREATE INDEX IF NOT EXISTS mail_upload ON mail (upload);
    CREATE TABLE IF NOT EXISTS recipient (
      mail_id INTEGER NOT NULL,
      address TEXT NOT NULL,
      role TEXT NOT NULL,
      job_id INTEGER NOT NULL,
      delivery_id INTEGER NOT NULL,
      subscriber_id INTEGER NOT NULL,
      list_id INTEGER NOT NULL,
      PRIMARY KEY (mail_id, address)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS recipient_subscriber ON recipient (subscriber_id) WHERE subscriber_id > 0;
    CREATE TABLE IF NOT EXISTS part (
      upload INTEGER NOT NULL,
      place INTEGER NOT NULL,
      bytes BLOB NOT NULL,
      PRIMARY KEY (upload, place)
    ) STRICT;
  `);
  return db;
}

/**
 * Makes the file. If it was lost while spool.db was not, its ids go on where those had been: lower ones would count as read.
 * @param cursor the last mail whose effects are in the spool
 */
export function prepareInboundFile(dataDir: string, cursor: number): void {
  const db = openInboundFile(dataDir);
  db.transaction(() => {
    db.prepare(`INSERT INTO sqlite_sequence (name, seq) SELECT 'mail', 0
      WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'mail')`).run();
    db.prepare(`UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'mail'`).run(cursor);
  }).immediate();
  db.close();
}
