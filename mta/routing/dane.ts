/** DANE for SMTP (RFC 7672): the TLSA records of an MX host, and what they say of a server's certificates. */
import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import type { TlsProblem } from '../smtp/types.ts';
import type { SecureAnswer, SecureResolver, TlsaRecord } from './dns-secure.ts';

export type DaneOutcome =
  /** the host has no signed TLSA records: DANE has nothing to say of it */
  | { kind: 'none' }
  /** usable records: the server must match one of them */
  | { kind: 'records'; base: string; records: TlsaRecord[] }
  /** records, but none that SMTP can use: TLS is a must, the certificate may be any (RFC 7672 §2.2) */
  | { kind: 'unusable'; base: string; records: TlsaRecord[] }
  /** not known now, and maybe kept from us by somebody: the host must not be used (RFC 7672 §2.1.1) */
  | { kind: 'temporary'; text: string };

const CA_ANCHOR = 2;
const END_ENTITY = 3;
const DIGESTS: Readonly<Record<number, { name: string; length: number }>> = {
  1: { name: 'sha256', length: 32 },
  2: { name: 'sha512', length: 64 },
};

/** The host comes from signed MX records: whoever calls has seen to that (RFC 7672 §2.2.1). Never rejects. */
export async function lookUpDane(host: string, dns: SecureResolver, port = 25): Promise<DaneOutcome> {
  // Only a host in a signed zone can have TLSA records that count; not to ask others spares broken servers (§2.2.2).
  const addresses = await Promise.all([dns.a(host), dns.aaaa(host)]);
  const expanded = addresses.find((answer) => answer.kind === 'records' && answer.secure);
  const bases = expanded?.kind === 'records' ? [...new Set([expanded.name, host])] : [];
  if (bases.length === 0) {
    const failed = addresses.find((answer) => answer.kind === 'temporary');
    const unsigned = addresses.some((answer) => answer.kind !== 'temporary' && !answer.secure);
    if (failed?.kind === 'temporary' && !unsigned)
      return { kind: 'temporary', text: `address look-up of ${host} failed: ${failed.error}` };
    // An alias that is signed itself and leads out of the signed world: its own name remains (§2.2.2).
    const alias = await dns.cname(host);
    if (alias.kind === 'temporary')
      return { kind: 'temporary', text: `CNAME look-up of ${host} failed: ${alias.error}` };
    if (alias.kind !== 'records' || !alias.secure) return { kind: 'none' };
    bases.push(host);
  }
  for (const base of bases) {
    const name = `_${port}._tcp.${base}`;
    const answer: SecureAnswer<TlsaRecord> = await dns.tlsa(name);
    if (answer.kind === 'temporary')
      return { kind: 'temporary', text: `TLSA look-up of ${name} failed: ${answer.error}` };
    if (answer.kind !== 'records' || !answer.secure) continue;
    const records = answer.records.filter(isUsable);
    return records.length > 0
      ? { kind: 'records', base, records }
      : { kind: 'unusable', base, records: answer.records };
  }
  return { kind: 'none' };
}

/** Usages 0 and 1 ask for public CAs, on which SMTP has no list to agree (RFC 7672 §3.1.3). */
export function isUsable({ usage, selector, matchingType, data }: TlsaRecord): boolean {
  if (usage !== CA_ANCHOR && usage !== END_ENTITY) return false;
  if (selector !== 0 && selector !== 1) return false;
  if (matchingType !== 0) return DIGESTS[matchingType]?.length === data.length;
  try {
    if (selector === 0) new X509Certificate(data);
    else createPublicKey({ key: data, format: 'der', type: 'spki' });
    return true;
  } catch {
    return false;
  }
}

/**
 * What is wrong with the server, undefined when one of the records is met.
 * @param chain the server's certificate, then its issuers as they were sent
 * @param records usable ones
 * @param names of which a certificate below a trust anchor must bear one
 */
export function daneProblem(
  chain: readonly X509Certificate[],
  records: readonly TlsaRecord[],
  names: readonly string[],
  now = new Date(),
): TlsProblem | undefined {
  const [leaf] = chain;
  if (leaf === undefined)
    return { result: 'validation-failure', text: 'the server has shown no certificate' };
  const strong = strongest(records);
  // Neither names nor dates: the record alone binds the key to the server (RFC 7671 §5.1).
  if (strong.some((record) => record.usage === END_ENTITY && meets(leaf, record))) return undefined;

  const anchors = strong.filter(({ usage }) => usage === CA_ANCHOR);
  const path = anchored(chain, anchors);
  if (path === undefined)
    return { result: 'validation-failure', text: "the server's certificate meets none of its TLSA records" };
  if (!path.every((each) => each.validFromDate <= now && now <= each.validToDate))
    return {
      result: 'certificate-expired',
      text: "the server's certificate has expired or is not valid yet",
    };
  if (!names.some((name) => leaf.checkHost(name) !== undefined)) {
    const text = `the server's certificate names none of ${names.join(', ')}`;
    return { result: 'certificate-host-mismatch', text };
  }
  return undefined;
}

/** The certificates below the anchor, each signed by the next; undefined when no anchor is reached. */
function anchored(
  chain: readonly X509Certificate[],
  anchors: readonly TlsaRecord[],
): X509Certificate[] | undefined {
  for (let at = 0; at < chain.length; at += 1) {
    const certificate = chain[at]!;
    // The anchor need not be sent when the record holds it whole.
    if (anchors.some((anchor) => hasSigned(anchor, certificate))) return chain.slice(0, at + 1);
    const issuer = chain[at + 1];
    if (!issuer?.ca || !certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey))
      return undefined;
    if (anchors.some((anchor) => meets(issuer, anchor))) return chain.slice(0, at + 2);
  }
  return undefined;
}

function hasSigned({ selector, matchingType, data }: TlsaRecord, certificate: X509Certificate): boolean {
  if (matchingType !== 0) return false;
  if (selector === 1) return certificate.verify(createPublicKey({ key: data, format: 'der', type: 'spki' }));
  const anchor = new X509Certificate(data);
  return anchor.ca && certificate.checkIssued(anchor) && certificate.verify(anchor.publicKey);
}

function meets(certificate: X509Certificate, { selector, matchingType, data }: TlsaRecord): boolean {
  const part =
    selector === 0 ? certificate.raw : certificate.publicKey.export({ type: 'spki', format: 'der' });
  const digest = DIGESTS[matchingType];
  return data.equals(digest === undefined ? part : createHash(digest.name).update(part).digest());
}

/** Where a usage and selector has both digests only the stronger one counts (RFC 7671 §9). */
function strongest(records: readonly TlsaRecord[]): TlsaRecord[] {
  return records.filter(
    (record) =>
      record.matchingType !== 1 ||
      !records.some(
        (other) =>
          other.matchingType === 2 && other.usage === record.usage && other.selector === record.selector,
      ),
  );
}

/** As in a zone file: for TLS reports (RFC 8460 §4.4 policy-string), LF between them. */
export function tlsaLines(records: readonly TlsaRecord[]): string {
  return records
    .map(({ usage, selector, matchingType, data }) =>
      [usage, selector, matchingType, data.toString('hex')].join(' '),
    )
    .sort()
    .join('\n');
}
