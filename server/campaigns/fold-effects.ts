/**
 * What follows from ledger rows besides counting: addresses that must not be mailed any more (whatever mail has found that out), and people
 * who left. Everything here may be done twice.
 */
import type { Statement } from 'better-sqlite3';
import type { FoldRow, Reason, Spool } from '../../mta/index.ts';
import { unsubscribe } from '../audience/membership.ts';
import type { Db } from '../deps.ts';
import { suppress } from '../suppression/suppress.ts';

/** Bounces that say: this mailbox does not exist. Others may pass (full, filtered, blocked). */
const DEAD: ReadonlySet<Reason | ''> = new Set<Reason>(['unknown-user', 'moved', 'null-mx']);
/** A domain may be gone for a day by somebody's mistake: it takes two bounces so far apart (DELIVERY.md, Verdicts). */
const HOST_CHECKS_APART = 24 * 3_600_000;

export class FoldEffects {
  readonly #db: Db;
  readonly #spool: Spool;
  readonly #email: Statement;

  constructor(db: Db, spool: Spool) {
    this.#db = db;
    this.#spool = spool;
    this.#email = db.$client.prepare('SELECT email FROM subscribers WHERE id = ?').pluck();
  }

  /** True: somebody must not be mailed any more, so the MTA should look at its stops. */
  apply(rows: readonly FoldRow[], campaignOf: (jobId: number) => number | undefined): boolean {
    const effects = rows.flatMap((row) => this.#effectOf(row, campaignOf) ?? []);
    if (effects.length === 0) return false;
    // The spool commits first: after a crash in between, both are done again, while a stop that was noted here but not
    // there would be lost.
    this.#db.$client
      .transaction(() => this.#spool.together(() => effects.forEach((effect) => void effect())))
      .immediate();
    return true;
  }

  #effectOf(row: FoldRow, campaignOf: (jobId: number) => number | undefined): (() => void) | undefined {
    const { kind, recipient, subscriberId, listId, reason, at, id: ledgerId } = row;
    // '' when the person was erased since
    if (kind === 'bounced' && recipient !== '' && (DEAD.has(reason) || this.#hostIsGone(row))) {
      const input = { email: recipient, scope: 'all', origin: 'bounce', reason, ledgerId, at } as const;
      return () => suppress(this.#db, this.#spool, input);
    }
    if (subscriberId === 0) return undefined;
    if (kind === 'complained') {
      const email = this.#email.get(subscriberId) as string | undefined;
      if (email === undefined) return undefined;
      const input = {
        email,
        scope: 'marketing',
        origin: 'complaint',
        reason: 'complaint',
        ledgerId,
        at,
      } as const;
      return () => suppress(this.#db, this.#spool, input);
    }
    const campaign = kind === 'unsubscribed' ? campaignOf(row.jobId) : undefined;
    if (campaign !== undefined) {
      // Done already when the request was answered, unless a crash came in between or it came by mail.
      const source = `campaign:${campaign}`;
      return () => unsubscribe(this.#db, this.#spool, { subscriberId, listId: listId || 'all', source, at });
    }
    return undefined;
  }

  #hostIsGone({ reason, recipient, at }: FoldRow): boolean {
    if (reason !== 'unknown-host') return false;
    const before = { recipient, kinds: ['bounced' as const], to: at - HOST_CHECKS_APART + 1 };
    return this.#spool
      .searchLedger(before, undefined, 20)
      .some((earlier) => earlier.reason === 'unknown-host');
  }
}
