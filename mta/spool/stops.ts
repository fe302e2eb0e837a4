import { hash } from 'node:crypto';
import type { Database } from 'better-sqlite3';
import { parseAddress } from '../message/address.ts';

/** How an address stands in `stop`: never readable, so that an erased person leaves nothing behind. */
export function addressHash(address: string): string {
  const parsed = parseAddress(address);
  return hash('sha256', parsed.ok ? parsed.key : address.trim().toLowerCase(), 'base64url').slice(0, 22);
}

/** Mail that came by a list stops for that list, or for all when the stop names list 0. */
export interface StopRow {
  addressHash: string;
  listId: number;
  seq: number;
  active: number;
  erased: number;
}

/** A week is longer than any enqueueing runs: older stops can only meet mail that is still queued. */
const KEPT = 7 * 86_400_000;

/** Removes the stops that can meet no mail any more; answers how many. */
export function pruneStops(db: Database, now: number): number {
  // Ids are given in the order of time, so the first row is the oldest mail.
  const oldest = db.prepare('SELECT created_at FROM queue ORDER BY id LIMIT 1').pluck().get() as
    | number
    | undefined;
  return db.prepare('DELETE FROM stop WHERE at < ?').run(Math.min(now - KEPT, oldest ?? now)).changes;
}

/** The MTA's memory of stops: small, as the spool keeps only those that can still meet a queued mail. */
export class Stops {
  readonly #byAddress = new Map<string, Map<number, { erased: boolean }>>();

  apply(row: StopRow): void {
    if (!row.active) {
      const lists = this.#byAddress.get(row.addressHash);
      lists?.delete(row.listId);
      if (lists?.size === 0) this.#byAddress.delete(row.addressHash);
      return;
    }
    let lists = this.#byAddress.get(row.addressHash);
    if (!lists) {
      lists = new Map();
      this.#byAddress.set(row.addressHash, lists);
    }
    lists.set(row.listId, { erased: row.erased === 1 });
  }

  /** Must this mail not go out any more? */
  match(address: string, listId: number): { erased: boolean } | undefined {
    if (this.#byAddress.size === 0) return undefined;
    const lists = this.#byAddress.get(addressHash(address));
    return lists?.get(0) ?? (listId > 0 ? lists?.get(listId) : undefined);
  }

  get size(): number {
    return this.#byAddress.size;
  }
}
