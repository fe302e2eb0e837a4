/** What a domain's TLS requirement means for one of its hosts: asked when a connection to it is opened. */
import type { SessionTls, TlsProblem } from '../smtp/types.ts';
import type { TlsPolicyName, TlsReportRow } from '../types.ts';
import { type DaneOutcome, daneProblem, lookUpDane, tlsaLines } from './dane.ts';
import type { SecureResolver } from './dns-secure.ts';
import { stsMatches, stsPolicyLines } from './sts-policy.ts';
import type { TlsRequirement } from './tls-policy.ts';
import type { HostTarget } from './types.ts';

/** The policy in a TLS report (RFC 8460 §4.4). */
export type ReportedPolicy = Pick<TlsReportRow, 'policyDomain' | 'policyType' | 'policyString'>;

export type HostTls =
  | {
      kind: 'session';
      tls: SessionTls;
      /** undefined: sessions with it are not reported (relays, and where TLS is switched off) */
      report: ReportedPolicy | undefined;
      /** wrong already, yet the mail goes: MTA-STS testing, unusable TLSA records */
      problem: TlsProblem | undefined;
    }
  /** not to be used for this mail now */
  | { kind: 'refused'; policy: TlsPolicyName; report: ReportedPolicy; problem: TlsProblem };

/**
 * @param domain the recipient domain of the mail that the connection is for
 * @param dns undefined: DANE is not asked for
 */
export async function hostTls(
  requirement: TlsRequirement,
  target: HostTarget,
  domain: string,
  dns: SecureResolver | undefined,
): Promise<HostTls> {
  const { host, relay } = target;
  if (relay !== undefined) {
    const mode = relay.tls ?? requirement.mode;
    const tls = { mode, policy: mode, ca: relay.ca, clientCertificate: relay.clientCertificate };
    return { kind: 'session', tls, report: undefined, problem: undefined };
  }
  if (requirement.dane && dns !== undefined) {
    const byDane = underDane(requirement, host, await lookUpDane(host, dns));
    if (byDane !== undefined) return byDane;
  }
  return withoutDane(requirement, host, domain);
}

/** undefined: DANE has nothing to say of the host. */
function underDane(requirement: TlsRequirement, host: string, found: DaneOutcome): HostTls | undefined {
  if (found.kind === 'none') return undefined;
  const policy = 'dane';
  // RFC 8460 §1.1: the policy domain of DANE is the TLSA base domain.
  const report: ReportedPolicy = { policyDomain: host, policyType: 'tlsa', policyString: '' };
  if (found.kind === 'temporary')
    return { kind: 'refused', policy, report, problem: { result: 'dnssec-invalid', text: found.text } };
  const { base, records } = found;
  report.policyDomain = base;
  report.policyString = tlsaLines(records);
  // The base domain is the name that the server must be told (RFC 7672 §2.2.3).
  const tls: SessionTls = { mode: 'required', policy, servername: base };
  if (found.kind === 'unusable') {
    const text = `none of the TLSA records of ${base} can be used`;
    return { kind: 'session', tls, report, problem: { result: 'tlsa-invalid', text } };
  }
  const names = [...new Set([base, host, requirement.nextHop])].filter((name) => name !== undefined);
  tls.mode = 'verified';
  tls.verify = (chain) => daneProblem(chain, records, names);
  tls.verifyKey = `dane ${report.policyString} ${names.join(' ')}`;
  return { kind: 'session', tls, report, problem: undefined };
}

function withoutDane({ mode, policy, sts }: TlsRequirement, host: string, domain: string): HostTls {
  const report: ReportedPolicy =
    sts === undefined
      ? { policyDomain: domain, policyType: 'no-policy-found', policyString: '' }
      : { policyDomain: domain, policyType: 'sts', policyString: stsPolicyLines(sts) };
  const stranger =
    sts !== undefined && !stsMatches(host, sts.mx)
      ? ({
          result: 'validation-failure',
          text: `${host} is not among the hosts of the MTA-STS policy of ${domain}`,
        } as const)
      : undefined;
  if (stranger !== undefined && sts?.mode === 'enforce')
    return { kind: 'refused', policy, report, problem: stranger };
  return {
    kind: 'session',
    tls: { mode, policy, observe: sts?.mode === 'testing' },
    report: mode === 'none' ? undefined : report,
    problem: stranger,
  };
}
