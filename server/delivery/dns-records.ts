/**
 * The DNS records that a sending domain needs, and whether what is published does their work. Pure: look-ups are
 * given, so the judgement is tested as tables.
 */
import ipaddr from 'ipaddr.js';
import type { Static } from 'typebox';
import { dkimRecordValue } from '../../mta/index.ts';
import type { DnsRecord } from './sending-domain-schemas.ts';

export type RecordPurpose = 'dkim' | 'spf' | 'dmarc' | 'return-path-mx' | 'return-path-spf';
export interface WantedRecord {
  purpose: RecordPurpose;
  type: 'TXT' | 'MX';
  name: string;
  value: string;
  /** without it providers refuse bulk mail or bounces are lost; the others only help */
  required: boolean;
}
export interface RecordCheck {
  purpose: RecordPurpose;
  state: 'ok' | 'missing' | 'different' | 'error';
  /** what stands there now: TXT values, `10 host` for MX, or why the look-up failed */
  found: string[];
}

export interface DomainNames {
  domain: string;
  returnPathDomain: string;
  dkimSelector: string;
  /** base64 DER */
  dkimPublicKey: string;
  /** Name of this appliance's EHLO: its A and AAAA records are the addresses that it sends from. */
  ehloName: string;
}

/** What the domain's owner has to publish. */
export function wantedRecords(names: DomainNames): WantedRecord[] {
  const { domain, returnPathDomain, ehloName } = names;
  // The addresses stand in one place, the return path's record; the domain itself refers to it.
  const own = `v=spf1 a:${ehloName} -all`;
  const shared = returnPathDomain === domain;
  return [
    {
      purpose: 'dkim',
      type: 'TXT',
      name: `${names.dkimSelector}._domainkey.${domain}`,
      value: dkimRecordValue(names.dkimPublicKey),
      required: true,
    },
    // SPF proper is asked of the return path (RFC 7208 §2.4); docomo and others look at the From domain too.
    {
      purpose: 'spf',
      type: 'TXT',
      name: domain,
      value: shared ? own : `v=spf1 include:${returnPathDomain} ~all`,
      required: shared,
    },
    { purpose: 'dmarc', type: 'TXT', name: `_dmarc.${domain}`, value: 'v=DMARC1; p=none', required: true },
    {
      purpose: 'return-path-mx',
      type: 'MX',
      name: returnPathDomain,
      value: `10 ${ehloName}`,
      required: true,
    },
    ...(shared
      ? []
      : [
          {
            purpose: 'return-path-spf',
            type: 'TXT',
            name: returnPathDomain,
            value: own,
            required: true,
          } as const,
        ]),
  ];
}

type Verdict = Omit<RecordCheck, 'purpose'>;
/**
 * @param values all TXT records at the name, or all MX as `10 host`
 * @param ownAddresses what the EHLO name resolves to: SPF may list them as ip4: and ip6: instead of our `a:`
 */
export function judgeRecord(wanted: WantedRecord, values: string[], ownAddresses: string[]): Verdict {
  switch (wanted.purpose) {
    case 'dkim':
      return judgeDkim(wanted.value, values);
    case 'dmarc':
      return judgeDmarc(values);
    case 'return-path-mx':
      return judgeMx(wanted.value, values);
    default:
      return judgeSpf(wanted.value, values, ownAddresses);
  }
}

function judgeDkim(wanted: string, values: string[]): Verdict {
  const found = values.filter((value) => /\bp=/.test(value));
  if (found.length === 0) return { state: 'missing', found: values };
  // One record at a selector, else verifiers may take any of them (RFC 6376 §3.6.2.2). White space in p= is allowed.
  const key = (value: string): string =>
    (/(?:^|;)\s*p\s*=([^;]*)/.exec(value)?.[1] ?? '').replace(/\s+/g, '');
  return { state: found.length === 1 && key(found[0]!) === key(wanted) ? 'ok' : 'different', found };
}

function judgeDmarc(values: string[]): Verdict {
  const found = values.filter((value) => /^v\s*=\s*DMARC1\b/i.test(value));
  if (found.length === 0) return { state: 'missing', found: [] };
  // More than one counts as none (RFC 7489 §6.6.3); any policy will do, ours is only a start.
  const valid = found.length === 1 && /;\s*p\s*=\s*(none|quarantine|reject)\b/i.test(found[0]!);
  return { state: valid ? 'ok' : 'different', found };
}

function judgeMx(wanted: string, values: string[]): Verdict {
  if (values.length === 0) return { state: 'missing', found: [] };
  const host = (value: string): string =>
    value
      .replace(/^\d+\s+/, '')
      .replace(/\.$/, '')
      .toLowerCase();
  return { state: values.some((value) => host(value) === host(wanted)) ? 'ok' : 'different', found: values };
}

function judgeSpf(wanted: string, values: string[], ownAddresses: string[]): Verdict {
  const found = values.filter((value) => /^v=spf1(\s|$)/i.test(value));
  if (found.length === 0) return { state: 'missing', found: [] };
  const terms = found[0]!.toLowerCase().split(/\s+/);
  // A term after `all` is never reached (RFC 7208 §5.1); `+` is the default qualifier (§4.6.2).
  const all = terms.findIndex((term) => /^[+?~-]?all$/.test(term));
  const passing = (all < 0 ? terms : terms.slice(0, all)).map((term) => term.replace(/^\+/, ''));
  const named = passing.includes(wanted.split(' ')[1]!.toLowerCase());
  const listed =
    ownAddresses.length > 0 && ownAddresses.every((address) => passing.some((term) => covers(term, address)));
  // More than one record is a permanent error (§4.5).
  return { state: found.length === 1 && (named || listed) ? 'ok' : 'different', found };
}

/** Whether an `ip4:` or `ip6:` mechanism (RFC 7208 §5.6) holds the address. */
function covers(term: string, address: string): boolean {
  const network = /^ip[46]:(.+)$/.exec(term)?.[1];
  if (network === undefined) return false;
  try {
    const parsed = ipaddr.parse(address);
    const [base, bits] = ipaddr.parseCIDR(
      network.includes('/') ? network : `${network}/${network.includes(':') ? 128 : 32}`,
    );
    return parsed.kind() === base.kind() && parsed.match(base, bits);
  } catch {
    return false;
  }
}

/** Zone files hold strings of at most 255 bytes (RFC 1035 §3.3): a long value is shown the way it is pasted. */
export function txtForZone(value: string): string {
  if (value.length <= 255) return value;
  return value
    .match(/.{1,255}/g)!
    .map((part) => `"${part}"`)
    .join(' ');
}

/** As the API shows it: what to publish beside what the last check found. */
export function showRecords(
  names: DomainNames,
  checks: readonly { purpose: string; state: RecordCheck['state']; found: string[] }[],
): Static<typeof DnsRecord>[] {
  return wantedRecords(names).map((wanted) => {
    const check = checks.find(({ purpose }) => purpose === wanted.purpose);
    return {
      ...wanted,
      value: wanted.type === 'TXT' ? txtForZone(wanted.value) : wanted.value,
      state: check?.state ?? 'unchecked',
      found: check?.found ?? [],
    };
  });
}
