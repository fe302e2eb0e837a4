/**
 * What follows from ledger rows besides counting: addresses that must not be mailed any more, and people who left.
 * Everything here may be done twice.
 */
import type { Statement } from 'better-sqlite3';
import type { LedgerRow, Reason, Spool } from '../../mta/index.ts';
import { parseAddress } from '../../mta/index.ts';
import { unsubscribe } from '../audience/membership.ts';
import type { Db } from '../deps.ts';

/** Bounces that say: this mailbox does not exist. Others may pass (full, filtered, blocked). */
const DEAD: ReadonlySet<Reason | ''> = new Set<Reason>(['unknown-user', 'moved', 'unknown-host', 'null-mx']);

interface NewSuppression {
  email: string;
  reason: string;
  scope: 'all' | 'marketing';
  origin: 'bounce' | 'complaint';
  ledgerId: number;
  at: number;
  /** lists whose queued mail stops, 0: all mail */
  stops: number[];
}

export class FoldEffects {
  readonly #db: Db;
  readonly #spool: Spool;
  readonly #suppress: Statement;
  readonly #email: Statement;
  readonly #lists: Statement;

  constructor(db: Db, spool: Spool) {
    this.#db = db;
    this.#spool = spool;
    this.#suppress = db.$client.prepare(
      `INSERT INTO suppressions (email_key, email, reason, scope, origin, ledger_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (email_key, scope) DO NOTHING`,
    );
    this.#email = db.$client.prepare('SELECT email FROM subscribers WHERE id = ?').pluck();
    this.#lists = db.$client.prepare('SELECT list_id FROM memberships WHERE subscriber_id = ?').pluck();
  }

  /** True: somebody must not be mailed any more, so the MTA should look at its stops. */
  apply(rows: readonly LedgerRow[], campaignOf: (jobId: number) => number): boolean {
    const suppressions = rows.flatMap((row) => this.#suppressionOf(row) ?? []);
    const leaving = rows.filter((row) => row.kind === 'unsubscribed' && row.subscriberId > 0);
    for (const row of leaving) {
      unsubscribe(this.#db, this.#spool, {
        subscriberId: row.subscriberId,
        listId: row.listId === 0 ? 'all' : row.listId,
        source: `campaign:${campaignOf(row.jobId)}`,
        at: row.at,
      });
    }
    if (suppressions.length > 0) this.#write(suppressions);
    return suppressions.length > 0 || leaving.length > 0;
  }

  #suppressionOf(row: LedgerRow): NewSuppression | undefined {
    if (row.kind === 'bounced' && DEAD.has(row.reason) && row.recipient !== '') {
      const { recipient: email, reason, id: ledgerId, at } = row;
      return { email, reason, scope: 'all', origin: 'bounce', ledgerId, at, stops: [0] };
    }
    if (row.kind === 'complained' && row.subscriberId > 0) {
      const email = this.#email.get(row.subscriberId) as string | undefined;
      if (email) {
        return {
          email,
          reason: 'complaint',
          scope: 'marketing',
          origin: 'complaint',
          ledgerId: row.id,
          at: row.at,
          // Not list 0: a single message that the person asked for may still come.
          stops: this.#lists.all(row.subscriberId) as number[],
        };
      }
    }
    return undefined;
  }

  #write(suppressions: readonly NewSuppression[]): void {
    this.#db.$client
      .transaction(() => {
        for (const { email, reason, scope, origin, ledgerId, at, stops } of suppressions) {
          const parsed = parseAddress(email);
          const key = parsed.ok ? parsed.key : email.toLowerCase();
          const { changes } = this.#suppress.run(key, email, reason, scope, origin, ledgerId, at);
          // Before the commit: after a crash in between the row is new again, and so is the stop.
          if (changes > 0) for (const listId of stops) this.#spool.stop(email, listId);
        }
      })
      .immediate();
  }
}
