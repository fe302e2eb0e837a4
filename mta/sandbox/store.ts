import type { Database } from 'better-sqlite3';
import { TurnBatch } from '../turn-batch.ts';
import { headerValue } from './headers.ts';
import { KEEP_SHARE, MAX_BYTES, MAX_MESSAGES } from './limits.ts';

/** One accepted mail as it came over SMTP. */
export interface ReceivedMail {
  at: number;
  mailFrom: string;
  rcptTo: string[];
  raw: Buffer;
}

/** The writing half of the sandbox. Mails that arrive in one turn of the event loop go into one transaction. */
export class SandboxStore {
  readonly #db: Database;
  readonly #limits: { messages: number; bytes: number };
  readonly #mails: TurnBatch<ReceivedMail>;
  /** upper bounds: the server may have cleared the mailbox meanwhile, so they are counted again before mail is dropped */
  #messages = 0;
  #bytes = 0;

  constructor(db: Database, limits = { messages: MAX_MESSAGES, bytes: MAX_BYTES }) {
    this.#db = db;
    this.#limits = limits;
    const insert = db.prepare<[number, string, string, string, string, number]>(
      'INSERT INTO messages (at, mail_from, rcpt_to, header_from, subject, size) VALUES (?, ?, ?, ?, ?, ?)',
    );
    const insertBody = db.prepare<[number | bigint, Buffer]>('INSERT INTO bodies (id, raw) VALUES (?, ?)');
    const write = db.transaction((mails: ReceivedMail[]) => {
      for (const { at, mailFrom, rcptTo, raw } of mails) {
        const { lastInsertRowid } = insert.run(
          at,
          mailFrom,
          rcptTo.join(', '),
          headerValue(raw, 'From'),
          headerValue(raw, 'Subject'),
          raw.length,
        );
        insertBody.run(lastInsertRowid, raw);
      }
    }).immediate;
    this.#mails = new TurnBatch((mails) => {
      write(mails);
      for (const { raw } of mails) this.#bytes += raw.length;
      this.#messages += mails.length;
      if (this.#messages > this.#limits.messages || this.#bytes > this.#limits.bytes) this.#dropOldest();
    });
    this.#count();
  }

  /** Calls back when the mail can be read in the mailbox. */
  add(mail: ReceivedMail, done: (error?: Error) => void): void {
    this.#mails.add(mail, done);
  }

  flush(): void {
    this.#mails.flush();
  }

  close(): void {
    this.flush();
    this.#db.close();
  }

  #count(): void {
    const row = this.#db
      .prepare('SELECT count(*) AS messages, coalesce(sum(size), 0) AS bytes FROM messages')
      .get() as {
      messages: number;
      bytes: number;
    };
    this.#messages = row.messages;
    this.#bytes = row.bytes;
  }

  #dropOldest(): void {
    this.#count();
    const { messages, bytes } = this.#limits;
    if (this.#messages <= messages && this.#bytes <= bytes) return;
    // The newest that fit stay; the first that does not, and all older ones, go.
    const row = this.#db
      .prepare(
        `SELECT max(id) AS id FROM (
           SELECT id, row_number() OVER newest AS place, sum(size) OVER newest AS total FROM messages WINDOW newest AS (ORDER BY id DESC)
         ) WHERE place > ? OR total > ?`,
      )
      .get(Math.floor(messages * KEEP_SHARE), Math.floor(bytes * KEEP_SHARE)) as { id: number | null };
    if (row.id === null) return;
    this.#db.transaction((id: number) => {
      this.#db.prepare('DELETE FROM bodies WHERE id <= ?').run(id);
      this.#db.prepare('DELETE FROM messages WHERE id <= ?').run(id);
    })(row.id);
    this.#count();
  }
}
