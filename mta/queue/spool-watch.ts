import type { BucketRow, Claims } from '../spool/claim.ts';
import type { OrderBook } from '../spool/order-book.ts';
import type { StopRow } from '../spool/stops.ts';

export interface SpoolNews {
  /** JSON of the settings, when they differ from those of before */
  settings(text: string): void;
  stopped(stopped: boolean): void;
  stop(stop: StopRow): void;
  jobs(): void;
  /** the server has changed orders or back-offs */
  orders(): void;
  bucket(row: BucketRow): void;
}

/**
 * Sees what others have written into the spool. `PRAGMA data_version` tells for nothing whether anybody has, and everything that changes has a
 * number that grows, so that a look reads only what is new.
 */
export class SpoolWatch {
  readonly #claims: Claims;
  readonly #book: OrderBook;
  readonly #news: SpoolNews;
  #version = -1;
  #settings: string | null = null;
  #touched = -1;
  #stopSeq = 0;
  #orderSeq = -1;

  constructor(claims: Claims, book: OrderBook, news: SpoolNews) {
    this.#claims = claims;
    this.#book = book;
    this.#news = news;
  }

  look(): void {
    const version = this.#claims.version();
    if (version === this.#version) return;
    this.lookAtSettings();
    for (const stop of this.#claims.stopsSince(this.#stopSeq)) {
      this.#news.stop(stop);
      this.#stopSeq = stop.seq;
    }
    this.#news.jobs();
    const orders = this.#book.seq();
    if (orders !== this.#orderSeq) {
      this.#news.orders();
      this.#orderSeq = orders;
    }
    for (const row of this.#claims.bucketsSince(this.#touched)) {
      this.#touched = Math.max(this.#touched, row.touched);
      this.#news.bucket(row);
    }
    // Last: when something of it could not be read, the next look reads it again.
    this.#version = version;
  }

  /** Whether or not anybody has written: settings and the emergency stop. */
  lookAtSettings(): void {
    this.#news.stopped(this.#claims.stopped());
    const text = this.#claims.settings();
    if (text === null || text === this.#settings) return;
    this.#settings = text;
    this.#news.settings(text);
  }

  /** All stops are read again. */
  forgetStops(): void {
    this.#stopSeq = 0;
    this.#version = -1;
  }
}
