/** Opens a session as the mail's TLS requirement asks, remembers hosts whose TLS is broken, and counts for TLS reports. */
import type { SecureResolver } from '../routing/dns-secure.ts';
import { hostTls } from '../routing/host-tls.ts';
import type { TlsRequirement } from '../routing/tls-policy.ts';
import type { HostTarget } from '../routing/types.ts';
import { openSession } from '../smtp/session.ts';
import type { OpenOutcome, SessionTls, TlsProblem } from '../smtp/types.ts';
import type { TlsSession } from '../spool/tls-reports.ts';

export interface OpenRequest {
  target: HostTarget;
  tls: TlsRequirement;
  /** recipient domain of the mail for which it is opened: its policy is the one that is counted */
  domain: string;
  ehloName: string;
  /** undefined: the system chooses */
  localAddress?: string | undefined;
}

export interface SessionOpenerOptions {
  /** undefined: nobody asks for DANE */
  dns?: SecureResolver | undefined;
  record(session: TlsSession): void;
  /** ms, monotonic; injectable for tests */
  now?: (() => number) | undefined;
}

/** ms that a host is spoken to in clear after its TLS has failed: it must not go so for ever (case 36) */
const REMEMBERED = 10 * 60_000;
const MAX_REMEMBERED = 10_000;

export class SessionOpener {
  readonly #options: SessionOpenerOptions;
  readonly #now: () => number;
  /** only of opportunistic sessions; the problem is what each further session in clear counts as */
  readonly #failed = new Map<string, { problem: TlsProblem; until: number }>();

  constructor(options: SessionOpenerOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Never rejects. `tlsUnmet` of a failure speaks of this requirement only: mail with another one may get through. */
  async open({
    target,
    tls: requirement,
    domain,
    ehloName,
    localAddress,
  }: OpenRequest): Promise<OpenOutcome> {
    const { host, address, port, relay } = target;
    const wanted = await hostTls(requirement, target, domain, this.#options.dns);
    const record = (problem: TlsProblem | undefined): void => {
      if (wanted.report !== undefined)
        this.#options.record({ ...wanted.report, mxHost: host, result: problem?.result ?? '' });
    };
    if (wanted.kind === 'refused') {
      const { problem, policy } = wanted;
      record(problem);
      return {
        ok: false,
        phase: 'starttls',
        error: problem.text,
        tlsProblem: problem,
        tlsUnmet: true,
        tlsPolicy: policy,
        ms: 0,
      };
    }
    const remembered = wanted.tls.mode === 'opportunistic' ? this.#remembered(host) : undefined;
    // Still opportunistic in the ledger: it is what decided.
    const tls: SessionTls = remembered ? { ...wanted.tls, mode: 'none' } : wanted.tls;
    const outcome = await openSession({
      host,
      address,
      port,
      localAddress,
      ehloName,
      tls,
      auth: relay?.user ? { user: relay.user, password: relay.password ?? '' } : undefined,
    });
    // With a login there is no going on in clear: the next try must be with TLS again.
    if (outcome.tlsFailed !== undefined && !relay?.user) this.#remember(host, outcome.tlsFailed);
    // A server that was not reached says nothing about its TLS.
    if (outcome.ok || outcome.tlsProblem !== undefined)
      record(outcome.tlsProblem ?? remembered ?? wanted.problem);
    return outcome;
  }

  #remembered(host: string): TlsProblem | undefined {
    const found = this.#failed.get(host);
    if (found !== undefined && found.until > this.#now()) return found.problem;
    this.#failed.delete(host);
    return undefined;
  }

  #remember(host: string, problem: TlsProblem): void {
    if (this.#failed.size >= MAX_REMEMBERED) this.#failed.delete(this.#failed.keys().next().value!);
    this.#failed.set(host, { problem, until: this.#now() + REMEMBERED });
  }
}

/** RFC 3463 X.7.4: security features not supported, X.7.5: cryptographic failure. */
export function tlsStatus({ result }: TlsProblem): string {
  return result === 'starttls-not-supported' ? '4.7.4' : '4.7.5';
}
