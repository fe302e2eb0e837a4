/** An erased address that comes back, by hand or by import. */
import type { Spool } from '../../mta/index.ts';
import type { Db } from '../deps.ts';
import { HASH_PREFIX, hashedKey } from './hashed-key.ts';

/** Longer than the spool goes on stopping mail to an erased address (see mta/spool). */
export const ERASED_KEPT_MS = 8 * 86_400_000;

/**
 * Makes a returning address like any other: its suppressions carry the address again, so that whoever asks "may this
 * subscriber be mailed" only looks for the plain key; and the spool's stop of the erasure ends.
 *
 * One instance for a run of many addresses: when nobody was ever erased (nearly always) it costs nothing.
 */
export class Returning {
  readonly #db: Db;
  readonly #spool: Spool;
  readonly #nobody: boolean;

  constructor(db: Db, spool: Spool) {
    this.#db = db;
    this.#spool = spool;
    this.#nobody =
      db.$client
        .prepare(
          `SELECT EXISTS (SELECT 1 FROM suppressions WHERE email_key >= ? AND email_key < ?) OR EXISTS (SELECT 1 FROM erased_addresses)`,
        )
        .pluck()
        .get(HASH_PREFIX, `${HASH_PREFIX}~`) === 0;
  }

  /** Call inside the transaction that adds the subscriber. */
  greet(emailKey: string, email: string): void {
    if (this.#nobody) return;
    const client = this.#db.$client;
    const hash = hashedKey(this.#db, emailKey);
    // A plain one may have been made meanwhile: then the hashed one has done its work.
    client
      .prepare('UPDATE OR IGNORE suppressions SET email_key = ?, email = ? WHERE email_key = ?')
      .run(emailKey, email, hash);
    client.prepare('DELETE FROM suppressions WHERE email_key = ?').run(hash);
    const { changes } = client.prepare('DELETE FROM erased_addresses WHERE key_hash = ?').run(hash);
    if (changes === 0) return;
    const blocked = client
      .prepare(`SELECT 1 FROM suppressions WHERE email_key = ? AND scope = 'all'`)
      .get(emailKey);
    if (!blocked) this.#spool.unstop(email, 0);
  }
}
