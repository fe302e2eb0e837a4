/**
 * Counters for TLS reports (RFC 8460): sessions of a day by policy, MX and result. Counted in memory and written every few
 * seconds: a crash loses the last of them, which a statistic can bear and a commit for each connection could not.
 */
import type { Database, Statement } from 'better-sqlite3';
import { Days } from '../routing/days.ts';
import type { TlsReportRow } from '../types.ts';

/** A session that was opened, or would not be; also a policy that could not be fetched (without an MX). */
export type TlsSession = Omit<TlsReportRow, 'day' | 'sessions'>;

const FLUSH_EVERY = 5000;
const DAYS_KEPT = 30;
const DAY = 86_400_000;
/** Domains without a policy that have rows of their own in a day; the others share one, or a large list would fill the disk. */
const PLAIN_ROWS = 5000;
const OTHERS = '*';

export interface TlsReportsOptions {
  onError?: ((error: unknown) => void) | undefined;
  now?: (() => number) | undefined;
}

export class TlsReports {
  readonly #now: () => number;
  readonly #onError: (error: unknown) => void;
  readonly #counts = new Map<string, TlsReportRow>();
  /** keys of today's rows without a policy */
  readonly #plain = new Set<string>();
  #days = new Days();
  #day = '';
  #timer: NodeJS.Timeout | undefined;
  readonly #write: (rows: TlsReportRow[]) => void;
  readonly #prune: Statement;

  constructor(db: Database, options: TlsReportsOptions = {}) {
    this.#now = options.now ?? Date.now;
    this.#onError = options.onError ?? (() => {});
    const add = db.prepare(
      `INSERT INTO tls_report (day, policy_domain, policy_type, policy_string, mx_host, result, sessions)
       VALUES (@day, @policyDomain, @policyType, @policyString, @mxHost, @result, @sessions)
       ON CONFLICT DO UPDATE SET sessions = sessions + excluded.sessions, policy_string = excluded.policy_string`,
    );
    const write = db.transaction((rows: TlsReportRow[]) => {
      for (const row of rows) add.run(row);
    });
    this.#write = (rows) => write.immediate(rows);
    this.#prune = db.prepare('DELETE FROM tls_report WHERE day < ?');
  }

  /** Whose days they are: the settings', as everywhere on the screens; RFC 8460 asks for 24 hours and prefers UTC's. */
  useTimeZone(timeZone: string | undefined): void {
    this.#days = new Days(timeZone);
  }

  record(session: TlsSession): void {
    const day = this.#today();
    let { policyDomain, policyType, mxHost, result } = session;
    if (policyType === 'no-policy-found') {
      const plain = `${policyDomain} ${mxHost} ${result}`;
      if (this.#plain.size < PLAIN_ROWS) this.#plain.add(plain);
      else if (!this.#plain.has(plain)) policyDomain = mxHost = OTHERS;
    }
    const key = `${day} ${policyDomain} ${policyType} ${mxHost} ${result}`;
    const row = this.#counts.get(key);
    if (row === undefined) this.#counts.set(key, { ...session, day, policyDomain, mxHost, sessions: 1 });
    else {
      row.sessions += 1;
      row.policyString = session.policyString;
    }
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_EVERY).unref();
  }

  /** Writes what was counted; when the disk is full it is kept for the next time. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#counts.size === 0) return;
    try {
      this.#write([...this.#counts.values()]);
      this.#counts.clear();
    } catch (error) {
      this.#onError(error);
    }
  }

  #today(): string {
    const now = this.#now();
    const day = this.#days.dayOf(now);
    if (day !== this.#day) {
      this.#day = day;
      this.#plain.clear();
      try {
        this.#prune.run(new Date(Date.parse(day) - DAYS_KEPT * DAY).toISOString().slice(0, 10));
      } catch (error) {
        this.#onError(error);
      }
    }
    return day;
  }
}
