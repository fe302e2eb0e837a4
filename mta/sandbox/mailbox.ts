/** What the server may do with the sandbox's mail. */
import type { Database } from 'better-sqlite3';
import { openSandboxFile } from './file.ts';
import { headerFields } from './headers.ts';

export interface SandboxSummary {
  id: number;
  /** epoch ms */
  at: number;
  /** envelope sender, '' for the null sender */
  mailFrom: string;
  /** envelope recipients, joined by `, ` */
  rcptTo: string;
  /** decoded From and Subject of the header, '' when absent */
  headerFrom: string;
  subject: string;
  /** bytes */
  size: number;
}

export interface SandboxMessage extends SandboxSummary {
  raw: Buffer;
  headers: { name: string; value: string }[];
}

export interface SandboxMail {
  /** Newest first; `q` is part of a recipient, the sender or the subject; `beforeId` is the cursor. */
  list(options: { q?: string | undefined; beforeId?: number | undefined; limit: number }): SandboxSummary[];
  /** With the mail as it came over SMTP, and its header fields unfolded and decoded. */
  get(id: number): SandboxMessage | undefined;
  count(): number;
  clear(): void;
  /** Removes all mail to these addresses and overwrites it: a person was erased. Answers how many. */
  erase(addresses: string[]): number;
  close(): void;
}

const SUMMARY = 'id, at, mail_from AS mailFrom, rcpt_to AS rcptTo, header_from AS headerFrom, subject, size';

export function openSandboxMail(dataDir: string): SandboxMail {
  const db = openSandboxFile(dataDir);
  const newest = db.prepare(`SELECT ${SUMMARY} FROM messages WHERE id < ? ORDER BY id DESC LIMIT ?`);
  const search = db.prepare(
    `SELECT ${SUMMARY} FROM messages WHERE id < ? AND (rcpt_to LIKE ? ESCAPE '\\' OR header_from LIKE ? ESCAPE '\\' OR subject LIKE ? ESCAPE '\\')
     ORDER BY id DESC LIMIT ?`,
  );
  const one = db.prepare(
    `SELECT m.id, m.at, m.mail_from AS mailFrom, m.rcpt_to AS rcptTo, m.header_from AS headerFrom, m.subject, m.size, b.raw
     FROM messages m JOIN bodies b ON b.id = m.id WHERE m.id = ?`,
  );
  const count = db.prepare('SELECT count(*) FROM messages').pluck();
  const clear = db.transaction(() => {
    db.exec('DELETE FROM bodies; DELETE FROM messages');
  }).immediate;
  const erase = db.transaction((addresses: string[]): number => {
    const find = db.prepare<[string], number>('SELECT id FROM messages WHERE lower(rcpt_to) = ?').pluck();
    const ids = addresses.flatMap((address) => find.all(address.toLowerCase()));
    for (const id of ids) {
      db.prepare('DELETE FROM bodies WHERE id = ?').run(id);
      db.prepare('DELETE FROM messages WHERE id = ?').run(id);
    }
    return ids.length;
  }).immediate;

  return {
    list({ q, beforeId, limit }) {
      const before = beforeId ?? Number.MAX_SAFE_INTEGER;
      if (q === undefined || q === '') return newest.all(before, limit) as SandboxSummary[];
      const like = `%${q.replace(/[\\%_]/g, '\\$&')}%`;
      return search.all(before, like, like, like, limit) as SandboxSummary[];
    },
    get(id) {
      const row = one.get(id) as Omit<SandboxMessage, 'headers'> | undefined;
      return row && { ...row, headers: headerFields(row.raw) };
    },
    count: () => count.get() as number,
    clear() {
      clear();
      shrink(db);
    },
    erase(addresses) {
      const erased = erase(addresses);
      if (erased > 0) shrink(db);
      return erased;
    },
    close: () => db.close(),
  };
}

/** Gives free pages back to the disk and empties the log, so that what was deleted is gone from both files. */
function shrink(db: Database): void {
  db.pragma('incremental_vacuum');
  db.pragma('wal_checkpoint(TRUNCATE)');
}
