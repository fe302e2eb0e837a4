/** All that the queue has to do with TLS policies, put together from the settings. */
import type { Database } from 'better-sqlite3';
import type { Resolver } from '../routing/dns.ts';
import type { SecureResolver } from '../routing/dns-secure.ts';
import { StsPolicies } from '../routing/mta-sts.ts';
import { createStsFetcher } from '../routing/sts-fetch.ts';
import { createTlsDiscovery } from '../routing/tls-discovery.ts';
import type { TlsDiscovery } from '../routing/tls-policy.ts';
import { openStsCache } from '../spool/sts-policies.ts';
import { TlsReports } from '../spool/tls-reports.ts';
import type { DeliverySettings, TlsRule } from '../types.ts';
import { SessionOpener } from './session-opener.ts';

export interface TlsOptions {
  db: Database;
  resolver: Resolver;
  secureResolver: SecureResolver;
  onError(what: string, error: unknown): void;
}

/** What holds while the settings are as they are. */
export interface AppliedTls {
  /** for DestinationOptions */
  tlsRules: readonly TlsRule[];
  tlsDiscovery: TlsDiscovery | undefined;
  opener: SessionOpener;
}

export class Tls {
  readonly #secureResolver: SecureResolver;
  readonly #reports: TlsReports;
  readonly #cache: ReturnType<typeof openStsCache>;
  readonly #sts: StsPolicies;

  constructor({ db, resolver, secureResolver, onError }: TlsOptions) {
    this.#secureResolver = secureResolver;
    this.#reports = new TlsReports(db, {
      onError: (error) => onError('the TLS report could not be written; its counts are kept', error),
    });
    this.#cache = openStsCache(db, {
      onError: (error) => onError('MTA-STS policies could not be written; they are kept in memory', error),
    });
    this.#sts = new StsPolicies({
      resolver,
      fetch: createStsFetcher({ resolver }),
      cache: this.#cache,
      onProblem: (policyDomain, policyString, { result }) =>
        this.#reports.record({ policyDomain, policyType: 'sts', policyString, mxHost: '', result }),
    });
  }

  /** Broken TLS that was remembered is forgotten: the new settings may be about it. */
  apply({ tls, mode, timeZone }: DeliverySettings): AppliedTls {
    this.#reports.useTimeZone(timeZone);
    // The sandbox asks nobody about anything.
    const live = mode === 'live';
    const dns = live && tls?.dane === true ? this.#secureResolver : undefined;
    return {
      tlsRules: tls?.rules ?? [],
      tlsDiscovery: createTlsDiscovery({ dns, sts: live && tls?.mtaSts === true ? this.#sts : undefined }),
      opener: new SessionOpener({ dns, record: (session) => this.#reports.record(session) }),
    };
  }

  /** At the drain: what was counted and fetched is on disk. */
  flush(): void {
    this.#reports.flush();
    this.#cache.flush();
  }
}
