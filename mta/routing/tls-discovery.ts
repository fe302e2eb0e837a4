/** Asks a recipient domain what it wants of senders: signed MX records (DANE) and an MTA-STS policy. */
import type { SecureResolver } from './dns-secure.ts';
import type { StsPolicies } from './mta-sts.ts';
import type { TlsDiscovery } from './tls-policy.ts';

/** Each is absent when the settings do not want it; undefined: neither is wanted. */
export function createTlsDiscovery({
  dns,
  sts,
}: {
  dns: SecureResolver | undefined;
  sts: StsPolicies | undefined;
}): TlsDiscovery | undefined {
  if (dns === undefined && sts === undefined) return undefined;
  return async (domain, allowPrivate) => {
    // user@[192.0.2.1] has no records (RFC 5321 §4.1.3).
    if (domain.startsWith('[')) return { kind: 'found', signedMx: false, sts: undefined };
    const [mx, policy] = await Promise.all([dns?.mx(domain), sts?.policyFor(domain, allowPrivate)]);
    // RFC 7672 §2.1.1: what cannot be validated must not be taken for unsigned.
    if (mx?.kind === 'temporary')
      return { kind: 'temporary', text: `MX look-up of ${domain} for DANE failed: ${mx.error}` };
    return { kind: 'found', signedMx: mx?.secure === true, sts: policy };
  };
}
