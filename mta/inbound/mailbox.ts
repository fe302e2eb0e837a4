/** What the reader does with inbound.db; the listener only adds to it. */
import type { Database, Statement } from 'better-sqlite3';
import { LIMITS } from './read/limits.ts';
import type { Reading } from './read/types.ts';
import type { InboundRecipient, InboundRole } from './recipients.ts';

export interface UnreadMail {
  id: number;
  at: number;
  ip: string;
  helo: string;
  upload: number | null;
  recipients: InboundRecipient[];
}

interface RecipientRow {
  address: string;
  role: InboundRole;
  jobId: number;
  deliveryId: number;
  subscriberId: number;
  listId: number;
}

/** mails of one slice of the clean-up, and pages given back to the disk with it: some ms */
const SLICE = 200;
const PAGES = 500;

export class InboundMailbox {
  readonly #db: Database;
  readonly #next: Statement;
  readonly #recipients: Statement;
  readonly #parts: Statement;
  readonly #note: Statement;
  readonly #notes: (readings: ReadonlyMap<number, Reading | null>) => void;
  readonly #begun: Statement;
  readonly #begin: Statement;
  readonly #oldest: Statement;
  readonly #kept: Statement;
  readonly #droppable: Statement;

  constructor(db: Database) {
    this.#db = db;
    this.#next = db.prepare('SELECT id, at, ip, helo, upload FROM mail WHERE id > ? ORDER BY id LIMIT ?');
    this.#recipients = db.prepare(
      `SELECT address, role, job_id AS jobId, delivery_id AS deliveryId, subscriber_id AS subscriberId, list_id AS listId
       FROM recipient WHERE mail_id = ?`,
    );
    this.#parts = db.prepare('SELECT bytes FROM part WHERE upload = ? AND place < ? ORDER BY place').pluck();
    this.#note = db.prepare('UPDATE mail SET kind = ?, result = ? WHERE id = ?');
    this.#notes = db.transaction((readings: ReadonlyMap<number, Reading | null>) => {
      for (const [id, reading] of readings)
        this.#note.run(reading?.kind ?? 'other', JSON.stringify(reading?.reports ?? []), id);
    }).immediate;
    this.#begun = db.prepare(`SELECT result = 'begun' FROM mail WHERE id = ?`).pluck();
    this.#begin = db.prepare(`UPDATE mail SET result = 'begun' WHERE id = ?`);
    this.#oldest = db.prepare(`SELECT id, at FROM mail WHERE id <= ? ORDER BY id LIMIT ${SLICE}`);
    this.#kept = db.prepare('SELECT coalesce(sum(size), 0) FROM mail WHERE upload IS NOT NULL').pluck();
    // By the index on upload, whose order is that of their arrival.
    this.#droppable = db
      .prepare(`SELECT id FROM mail WHERE upload > 0 AND id <= ? ORDER BY upload LIMIT ${SLICE}`)
      .pluck();
  }

  /** In id order. */
  after(id: number, limit: number): UnreadMail[] {
    return (this.#next.all(id, limit) as Omit<UnreadMail, 'recipients'>[]).map((mail) => ({
      ...mail,
      recipients: (this.#recipients.all(mail.id) as RecipientRow[]).map(({ address, role, ...ids }) => ({
        address,
        role,
        ids: ids.deliveryId > 0 ? ids : null,
      })),
    }));
  }

  /** As much of it as is looked at. */
  raw({ upload }: UnreadMail): Buffer {
    const parts = this.#parts.all(upload, Math.ceil(LIMITS.bytes / (64 * 1024)) + 1) as Buffer[];
    return Buffer.concat(parts);
  }

  /** What they were; null: it could not be read. Durable when it returns. */
  note(readings: ReadonlyMap<number, Reading | null>): void {
    this.#notes(readings);
  }

  /** Notes that reading it begins. False: it had begun before, and ended with the thread. */
  begin(id: number): boolean {
    if (this.#begun.get(id) === 1) return false;
    this.#begin.run(id);
    return true;
  }

  remove(ids: readonly number[]): void {
    if (ids.length > 0) removeMail(this.#db, ids);
  }

  /**
   * One slice of what is too old, or is the oldest of too much. Only what was read goes. False: nothing was left to do.
   * @param through the last mail that was read
   */
  prune(through: number, before: number, maxBytes: number): boolean {
    const oldest = this.#oldest.all(through) as { id: number; at: number }[];
    // In the order of their ids they are in the order of their times, but for a clock that was set.
    const old = oldest.filter(({ at }) => at < before).map(({ id }) => id);
    this.remove(old);
    // Added up only when nothing is old: it looks at every mail.
    const dropped =
      old.length === 0 && (this.#kept.get() as number) > maxBytes
        ? (this.#droppable.all(through) as number[])
        : [];
    this.#dropParts(dropped);
    this.#db.pragma(`incremental_vacuum(${PAGES})`);
    return old.length + dropped.length > 0;
  }

  #dropParts(ids: readonly number[]): void {
    if (ids.length === 0) return;
    const list = JSON.stringify(ids);
    this.#db
      .transaction(() => {
        this.#db.prepare(`DELETE FROM part WHERE upload IN (${UPLOADS})`).run(list);
        this.#db
          .prepare('UPDATE mail SET upload = NULL WHERE id IN (SELECT value FROM json_each(?))')
          .run(list);
      })
      .immediate();
  }
}

const UPLOADS = 'SELECT upload FROM mail WHERE id IN (SELECT value FROM json_each(?))';

/** With all that belongs to them, in one transaction. */
export function removeMail(db: Database, ids: readonly number[]): void {
  const list = JSON.stringify(ids);
  db.transaction(() => {
    db.prepare(`DELETE FROM part WHERE upload IN (${UPLOADS})`).run(list);
    db.prepare('DELETE FROM recipient WHERE mail_id IN (SELECT value FROM json_each(?))').run(list);
    db.prepare('DELETE FROM mail WHERE id IN (SELECT value FROM json_each(?))').run(list);
  }).immediate();
}
