/** Which MTA-STS policy holds for a domain now (RFC 8461): its TXT record, the fetched policy, and the cache that outlives both. */
import type { TlsProblem } from '../smtp/types.ts';
import type { Resolver } from './dns.ts';
import type { StsFetcher } from './sts-fetch.ts';
import { parseStsPolicy, type StsPolicy, stsId, stsPolicyLines } from './sts-policy.ts';

/** A policy that was fetched; kept over restarts, as an attacker may keep us from fetching it again (§10.2). */
export interface CachedStsPolicy {
  domain: string;
  /** of the TXT record that led to it */
  id: string;
  policy: StsPolicy;
  fetchedAt: number;
  expiresAt: number;
}

export interface StsCache {
  /** the last one fetched, expired or not */
  get(domain: string): CachedStsPolicy | undefined;
  put(policy: CachedStsPolicy): void;
}

export interface StsPoliciesOptions {
  resolver: Resolver;
  fetch: StsFetcher;
  cache: StsCache;
  /** a policy that should be there and could not be had; counted for TLS reports */
  onProblem(domain: string, policyString: string, problem: TlsProblem): void;
  /** epoch ms; injectable for tests */
  now?: (() => number) | undefined;
}

/** §3.3: refreshed long before it expires, so that nobody can wait for that moment */
const REFRESH_AFTER = 86_400_000;
/** after a failed fetch; §5.1 asks for some patience */
const FETCH_AGAIN = 300_000;
const MAX_FAILED = 10_000;

export class StsPolicies {
  readonly #options: StsPoliciesOptions;
  readonly #now: () => number;
  readonly #running = new Map<string, Promise<StsPolicy | undefined>>();
  readonly #failedAt = new Map<string, number>();

  constructor(options: StsPoliciesOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** undefined: the domain has none that we know of, so mail goes as it would have (§5). Never rejects. */
  async policyFor(domain: string, allowPrivate = false): Promise<StsPolicy | undefined> {
    const { resolver, cache } = this.#options;
    const answer = await resolver.txt(`_mta-sts.${domain}`);
    const now = this.#now();
    const kept = cache.get(domain);
    const valid = kept !== undefined && kept.expiresAt > now ? kept : undefined;
    const id = answer.kind === 'records' ? stsId(answer.records) : undefined;
    // §3.3: whoever can suppress the record must not be able to undo the policy.
    if (id === undefined) return valid?.policy;
    if (valid === undefined || valid.id !== id)
      return (await this.#fetch(domain, id, allowPrivate)) ?? valid?.policy;
    // What is known holds; nobody waits for its renewal.
    if (now - valid.fetchedAt > REFRESH_AFTER) void this.#fetch(domain, id, allowPrivate);
    return valid.policy;
  }

  #fetch(domain: string, id: string, allowPrivate: boolean): Promise<StsPolicy | undefined> {
    const failedAt = this.#failedAt.get(domain);
    if (failedAt !== undefined && this.#now() - failedAt < FETCH_AGAIN) return Promise.resolve(undefined);
    let running = this.#running.get(domain);
    if (running === undefined) {
      running = this.#fetchNow(domain, id, allowPrivate).finally(() => this.#running.delete(domain));
      this.#running.set(domain, running);
    }
    return running;
  }

  async #fetchNow(domain: string, id: string, allowPrivate: boolean): Promise<StsPolicy | undefined> {
    const { fetch, cache, onProblem } = this.#options;
    const fetched = await fetch(domain, allowPrivate);
    const parsed = fetched.ok ? parseStsPolicy(fetched.text) : undefined;
    const fetchedAt = this.#now();
    if (parsed?.ok) {
      const { policy } = parsed;
      this.#failedAt.delete(domain);
      cache.put({ domain, id, policy, fetchedAt, expiresAt: fetchedAt + policy.maxAge * 1000 });
      return policy;
    }
    if (this.#failedAt.size >= MAX_FAILED) this.#failedAt.clear();
    this.#failedAt.set(domain, fetchedAt);
    const kept = cache.get(domain);
    const known = kept !== undefined && kept.expiresAt > fetchedAt ? stsPolicyLines(kept.policy) : '';
    if (parsed !== undefined) onProblem(domain, known, { result: 'sts-policy-invalid', text: parsed.error });
    else if (!fetched.ok) onProblem(domain, known, fetched.problem);
    return undefined;
  }
}
