/** What the holder of an unsubscribe token may do: leave, and take that back for a day. Knows no HTTP. */
import type { Spool, TokenClaims } from '../../mta/index.ts';
import { unsubscribe } from '../audience/membership.ts';
import type { Db } from '../deps.ts';
import { unsuppress } from '../suppression/suppress.ts';
import { maskEmail, type Subscription } from './pages.ts';

export type Scope = 'list' | 'all';

const UNDO_FOR = 86_400_000;

interface Reader {
  email: string;
  emailKey: string;
}

export class Subscriptions {
  readonly #db: Db;
  readonly #spool: Spool;

  constructor(db: Db, spool: Spool) {
    this.#db = db;
    this.#spool = spool;
  }

  /** `left`: the list of the mail was left before. An erased person looks like anybody whose token is used up. */
  describe(claims: TokenClaims): Subscription & { left: boolean } {
    const reader = this.#reader(claims);
    const list = this.#db.$client.prepare('SELECT name FROM lists WHERE id = ?').pluck().get(claims.listId) as
      | string
      | undefined;
    const state = this.#db.$client
      .prepare('SELECT state FROM memberships WHERE list_id = ? AND subscriber_id = ?')
      .pluck()
      .get(claims.listId, claims.subscriberId) as string | undefined;
    return {
      listName: list ?? '',
      maskedEmail: reader ? maskEmail(reader.email) : '',
      test: claims.subscriberId === 0,
      left: claims.subscriberId > 0 && claims.listId > 0 && state !== 'subscribed',
    };
  }

  /** Durable when it returns, and queued mail is stopped. False: nobody's subscriber (a test, or erased since). */
  leave(claims: TokenClaims, scope: Scope, at: number): boolean {
    if (!this.#reader(claims)) return false;
    unsubscribe(this.#db, this.#spool, {
      subscriberId: claims.subscriberId,
      listId: scope === 'all' ? 'all' : claims.listId,
      source: this.#sourceOf(claims),
      at,
    });
    return true;
  }

  /**
   * Takes back what was left at exactly that time, and nothing else: a token must not put anybody on lists.
   * `unsubscribed_at` stays, so that a fold that sees the event only now knows that it is over.
   */
  undo(claims: TokenClaims, at: number, now: number): boolean {
    const reader = this.#reader(claims);
    if (!reader || !Number.isSafeInteger(at) || at > now || at < now - UNDO_FOR) return false;
    const client = this.#db.$client;
    return client
      .transaction(() => {
        const lists = client
          .prepare(
            `UPDATE memberships SET state = 'subscribed', unsubscribed_by = NULL
             WHERE subscriber_id = ? AND state = 'unsubscribed' AND unsubscribed_at = ? RETURNING list_id`,
          )
          .pluck()
          .all(claims.subscriberId, at) as number[];
        const suppression = client
          .prepare(
            `SELECT id FROM suppressions
             WHERE email_key = ? AND scope = 'marketing' AND origin = 'unsubscribe' AND created_at = ?`,
          )
          .pluck()
          .get(reader.emailKey, at) as number | undefined;
        for (const listId of lists) this.#spool.unstop(reader.email, listId);
        if (suppression !== undefined) unsuppress(this.#db, this.#spool, suppression);
        return lists.length > 0 || suppression !== undefined;
      })
      .immediate();
  }

  /** What made them leave. */
  #sourceOf({ jobId }: TokenClaims): string {
    const campaign = this.#db.$client.prepare('SELECT id FROM campaigns WHERE job_id = ?').pluck().get(jobId);
    return campaign === undefined ? 'link' : `campaign:${campaign}`;
  }

  #reader({ subscriberId }: TokenClaims): Reader | undefined {
    if (subscriberId === 0) return undefined;
    return this.#db.$client
      .prepare('SELECT email, email_key AS emailKey FROM subscribers WHERE id = ?')
      .get(subscriberId) as Reader | undefined;
  }
}
