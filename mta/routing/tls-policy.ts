/**
 * How sessions for a recipient domain must be encrypted. Decided with the domain's destination, and travels with its mail;
 * what that means for one MX host is found when a connection to it is opened (host-tls.ts).
 */
import type { RelayHost, TlsMode, TlsPolicyName, TlsRule } from '../types.ts';
import { matchRoute } from './routes.ts';
import type { StsPolicy } from './sts-policy.ts';

export interface TlsRequirement {
  /** Mail with the same key may share a connection; short for the plain modes, so it may be shown. */
  readonly key: string;
  /** what decided; of a host with TLSA records it is `dane` instead */
  readonly policy: TlsPolicyName;
  /** the least that will do, for hosts without TLSA records; a relay's own word comes first */
  readonly mode: TlsMode;
  /** the domain's MX records are signed: hosts are asked for their TLSA records (RFC 7672 §2.2) */
  readonly dane: boolean;
  /** a further name that a certificate under a TLSA trust anchor may bear (RFC 7672 §3.2.2) */
  readonly nextHop: string | undefined;
  /** `enforce`: only hosts that it names, verified; `testing`: what it would refuse is counted */
  readonly sts: StsPolicy | undefined;
}

export interface TlsFacts {
  /** A-label, lower case */
  domain: string;
  /** the route's relay hosts, undefined: direct to MX */
  relay?: readonly RelayHost[] | undefined;
  /** the MX names, lower case */
  mxHosts?: readonly string[] | undefined;
  rules: readonly TlsRule[];
  /** DANE is asked for and the MX records are signed */
  signedMx?: boolean | undefined;
  /** MTA-STS is asked for and the domain has this policy */
  sts?: StsPolicy | undefined;
  /** the provider refuses mail in clear */
  tlsRequired?: boolean | undefined;
}

/**
 * Asks the domain's DNS what it wants of senders. `temporary`: the answer may be withheld by somebody who attacks, so the mail
 * waits (RFC 7672 §2.1.1). Never rejects.
 */
export type TlsDiscovery = (
  domain: string,
  /** a route names it, so what is asked may be inside the company */
  allowPrivate: boolean,
) => Promise<
  { kind: 'found'; signedMx: boolean; sts: StsPolicy | undefined } | { kind: 'temporary'; text: string }
>;

/** The first that has a word: relay's own `tls`, rule, DANE, MTA-STS enforce, the provider's profile, else opportunistic. */
export function decideTls(facts: TlsFacts): TlsRequirement {
  const rule = matchRoute(facts.domain, facts.rules);
  if (facts.relay !== undefined) {
    // Where each relay has its own word a rule has nothing to say, so all domains of the route share its connections.
    const decided = facts.relay.some(({ tls }) => tls === undefined) ? rule : undefined;
    return plain(decided?.mode ?? 'opportunistic');
  }
  if (rule !== undefined) return plain(rule.mode);

  const sts = facts.sts?.mode === 'none' ? undefined : facts.sts;
  const dane = facts.signedMx === true;
  if (sts === undefined && !dane) return plain(facts.tlsRequired === true ? 'required' : 'opportunistic');
  const mode =
    sts?.mode === 'enforce' ? 'verified' : facts.tlsRequired === true ? 'required' : 'opportunistic';
  const policy = sts?.mode === 'enforce' ? 'mta-sts' : mode;
  const nextHop = dane ? ownName(facts) : undefined;
  const key = [
    policy,
    dane && 'dane',
    nextHop,
    // Which hosts may be used is part of what a session was promised to be.
    sts && `${sts.mode}:${[...sts.mx].sort().join(',')}`,
  ];
  return { key: key.filter(Boolean).join(' '), policy, mode, dane, nextHop, sts };
}

const plainOf = (mode: TlsMode): TlsRequirement => ({
  key: mode,
  policy: mode,
  mode,
  dane: false,
  nextHop: undefined,
  sts: undefined,
});
/** One object each for all domains, as there may be a million. */
const PLAIN: Readonly<Record<TlsMode, TlsRequirement>> = {
  none: plainOf('none'),
  opportunistic: plainOf('opportunistic'),
  required: plainOf('required'),
  verified: plainOf('verified'),
};

/** `key` is the mode: what a rule, a relay or nobody has decided. */
function plain(mode: TlsMode): TlsRequirement {
  return PLAIN[mode];
}

/**
 * The recipient domain is a name that its MX's certificate may bear. It would keep domains with the same hosts from sharing
 * connections, so it counts only where the hosts are the domain's own: a hosting company's certificate names no customer.
 */
function ownName({ domain, mxHosts = [] }: TlsFacts): string | undefined {
  return mxHosts.some((host) => host === domain || host.endsWith(`.${domain}`)) ? domain : undefined;
}
