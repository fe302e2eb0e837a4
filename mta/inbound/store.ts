import type { Database } from 'better-sqlite3';
import { loopRefusal } from '../message/hops.ts';
import { TurnBatch } from '../turn-batch.ts';
import type { InboundRecipient } from './recipients.ts';

/** One mail whose dot has come. */
export interface ReceivedMail {
  /** epoch ms */
  at: number;
  ip: string;
  helo: string;
  /** 'TLSv1.3 TLS_AES_256_GCM_SHA384', '' for clear text */
  tls: string;
  /** '' for the null sender */
  mailFrom: string;
  recipients: readonly InboundRecipient[];
}

type Done = (error?: Error) => void;
/** why a mail is not taken, however often it is sent */
export type Refusal = NonNullable<ReturnType<typeof loopRefusal>>;

/** Bytes of a piece, and so what a mail that arrives has in memory at most (two of them). */
const PART = 64 * 1024;

/** The listener's half of inbound.db. What is to be written in one turn of the event loop shares a commit. */
export class InboundStore {
  readonly #db: Database;
  readonly #writes: TurnBatch<() => void>;
  readonly #insertMail;
  readonly #insertRecipient;
  readonly #insertPart;
  readonly #dropParts;
  readonly #unread;
  #nextUpload: number;

  constructor(db: Database) {
    this.#db = db;
    // Nobody else receives, so pieces without a mail are of sessions that ended with the last process.
    // Found by indexes alone: reading the pieces themselves would keep the port closed while gigabytes are read.
    db.exec(
      'DELETE FROM part WHERE rowid IN (SELECT part.rowid FROM part LEFT JOIN mail ON mail.upload = part.upload WHERE mail.upload IS NULL)',
    );
    this.#nextUpload = 1 + (db.prepare('SELECT coalesce(max(upload), 0) FROM mail').pluck().get() as number);
    this.#insertMail = db.prepare(
      'INSERT INTO mail (at, ip, helo, tls, mail_from, size, upload) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    this.#insertRecipient = db.prepare('INSERT OR IGNORE INTO recipient VALUES (?, ?, ?, ?, ?, ?, ?)');
    this.#insertPart = db.prepare('INSERT INTO part (upload, place, bytes) VALUES (?, ?, ?)');
    this.#dropParts = db.prepare('DELETE FROM part WHERE upload = ?');
    this.#unread = db.prepare('SELECT coalesce(sum(size), 0) FROM mail WHERE kind IS NULL').pluck();
    this.#writes = new TurnBatch(
      db.transaction((writes: (() => void)[]) => {
        for (const write of writes) write();
      }).immediate,
    );
  }

  upload(): Upload {
    const id = this.#nextUpload;
    this.#nextUpload += 1;
    return new Upload({
      part: (place, bytes, done) => this.#writes.add(() => this.#insertPart.run(id, place, bytes), done),
      mail: (mail, size, place, rest, done) =>
        this.#writes.add(() => {
          this.#insertPart.run(id, place, rest);
          this.#write(mail, size, id);
        }, done),
      drop: () =>
        this.#writes.add(
          () => this.#dropParts.run(id),
          // what could not be removed now is removed at the next start
          () => {},
        ),
    });
  }

  /** Bytes of mail that nobody has read yet. */
  unreadBytes(): number {
    return this.#unread.get() as number;
  }

  close(): void {
    this.#writes.flush();
    this.#db.close();
  }

  #write(mail: ReceivedMail, size: number, upload: number): void {
    const { at, ip, helo, tls, mailFrom, recipients } = mail;
    const id = this.#insertMail.run(at, ip, helo, tls, mailFrom, size, upload).lastInsertRowid;
    for (const { address, role, ids } of recipients) {
      const { jobId, deliveryId, subscriberId, listId } = ids ?? NOBODY;
      this.#insertRecipient.run(id, address, role, jobId, deliveryId, subscriberId, listId);
    }
  }
}

const NOBODY = { jobId: 0, deliveryId: 0, subscriberId: 0, listId: 0 };

interface Writes {
  part(place: number, bytes: Buffer, done: Done): void;
  mail(mail: ReceivedMail, size: number, place: number, rest: Buffer, done: Done): void;
  drop(): void;
}

/** One mail that is arriving. */
export class Upload {
  readonly #writes: Writes;
  #chunks: Buffer[] = [];
  #buffered = 0;
  #places = 0;
  #size = 0;
  #failure: Refusal | Error | undefined;

  constructor(writes: Writes) {
    this.#writes = writes;
  }

  /** False: nothing more should be added until `resume` is called, when a piece is on disk. */
  add(chunk: Buffer, resume: () => void): boolean {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    this.#size += chunk.length;
    if (this.#buffered < PART) return true;
    const place = this.#places;
    this.#writes.part(place, this.#take(), (error) => {
      this.#failure ??= error;
      resume();
    });
    return false;
  }

  /** Calls back when the mail is on disk, or with what kept it from getting there: then nothing of it stays. */
  finish(mail: ReceivedMail, done: (failure?: Refusal | Error) => void): void {
    const failed = (failure: Refusal | Error): void => {
      this.discard();
      done(failure);
    };
    const place = this.#places;
    const rest = this.#take();
    if (this.#failure) failed(this.#failure);
    else this.#writes.mail(mail, this.#size, place, rest, (error) => (error ? failed(error) : done()));
  }

  /** It will not be taken. */
  discard(): void {
    this.#chunks = [];
    this.#buffered = 0;
    if (this.#places > 0) this.#writes.drop();
  }

  #take(): Buffer {
    const bytes = Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#buffered = 0;
    // A header of 50 Received fields is a tenth of a piece.
    if (this.#places === 0) this.#failure ??= loopRefusal(bytes);
    this.#places += 1;
    return bytes;
  }
}
