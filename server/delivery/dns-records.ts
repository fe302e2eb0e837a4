/** The DNS records that a sending domain needs. Pure. */
import { type DkimAlgorithm, dkimRecordValue, reverseName } from '../../mta/index.ts';
import { isPublic } from './dns-addresses.ts';

export const RECORD_PURPOSES = [
  'dkim',
  'spf',
  'from-address',
  'dmarc',
  'return-path-mx',
  'return-path-spf',
  'ehlo',
  'ptr',
  'tlsrpt',
  'mta-sts',
] as const;
export type RecordPurpose = (typeof RECORD_PURPOSES)[number];
export const RECORD_STEPS = ['dkim', 'spf', 'dmarc', 'return-path', 'reverse-dns'] as const;
/** required: providers refuse bulk mail or bounces are lost; recommended: some providers look at it; optional: good to have */
export const RECORD_LEVELS = ['required', 'recommended', 'optional'] as const;

export interface WantedRecord {
  /** unique within the domain, such as `dkim:tdk202611` */
  key: string;
  purpose: RecordPurpose;
  step: (typeof RECORD_STEPS)[number];
  type: 'TXT' | 'MX' | 'A' | 'AAAA' | 'PTR';
  /** '' where only the administrator knows: the reverse name of an address that the DNS does not tell */
  name: string;
  /** '' where only the administrator knows (an address), or where any will do */
  value: string;
  level: (typeof RECORD_LEVELS)[number];
  /** the DKIM key */
  keyId?: number;
  /** ptr: the address that is to be named */
  address?: string;
  /** ptr: the EHLO name */
  ehlo?: string;
  /** ehlo and ptr: names of the pools that it is for */
  pools?: string[];
}

export interface OutgoingAddress {
  address: string;
  ehlo: string;
}

export interface SourceAddress extends OutgoingAddress {
  /** names of the pools that it is in */
  pools: string[];
}

export interface DomainNames {
  domain: string;
  returnPathDomain: string;
  /** those whose record has to be there */
  keys: {
    id: number;
    selector: string;
    algorithm: DkimAlgorithm;
    /** base64, as it stands in the record */
    publicKey: string;
    state: 'pending' | 'active' | 'retiring';
  }[];
  dmarcPolicy: 'none' | 'quarantine' | 'reject';
  /** address of DMARC's aggregate reports, '' for none */
  dmarcReports: string;
  /** name of this appliance: takes the bounces */
  ehloName: string;
  /** what the mail leaves by; address '' where the system chooses it */
  sources: SourceAddress[];
  /** the public addresses of the sources that the DNS told of (by EHLO name) */
  resolved: OutgoingAddress[];
  /** all mail goes through relays: names and addresses are theirs */
  relayed: boolean;
}

/** The public addresses that the world sees the mail come from, as far as they are known. */
export function outgoingAddresses(names: Pick<DomainNames, 'sources' | 'resolved'>): OutgoingAddress[] {
  const all = names.sources.flatMap((source) =>
    isPublic(source.address)
      ? [{ address: source.address, ehlo: source.ehlo }]
      : names.resolved.filter(({ ehlo }) => ehlo === source.ehlo),
  );
  return all.filter((one, index) => all.findIndex(({ address }) => address === one.address) === index);
}

/** The pools that an address is in, as it is seen from outside. */
export function poolsOf(names: Pick<DomainNames, 'sources' | 'resolved'>, address: string): string[] {
  const ehlos = names.resolved.filter((one) => one.address === address).map(({ ehlo }) => ehlo);
  const sources = names.sources.filter(
    (one) => one.address === address || (!isPublic(one.address) && ehlos.includes(one.ehlo)),
  );
  return [...new Set(sources.flatMap(({ pools }) => pools))];
}

/** What has to be published, in the order of the guided page. */
export function wantedRecords(names: DomainNames): WantedRecord[] {
  return [
    ...dkimRecords(names),
    ...spfRecords(names),
    dmarcRecord(names),
    {
      key: 'return-path-mx',
      purpose: 'return-path-mx',
      step: 'return-path',
      type: 'MX',
      name: names.returnPathDomain,
      value: `10 ${names.ehloName}`,
      level: 'required',
    },
    ...serverRecords(names),
    ...hints(names),
  ];
}

function dkimRecords({ domain, keys }: DomainNames): WantedRecord[] {
  return keys.map(({ id, selector, algorithm, publicKey, state }) => ({
    key: `dkim:${selector}`,
    purpose: 'dkim',
    step: 'dkim',
    type: 'TXT',
    name: `${selector}._domainkey.${domain}`,
    value: dkimRecordValue(publicKey, algorithm),
    // A second signature helps where it is understood; a next key is nobody's need before it signs.
    level: algorithm === 'rsa-2048' && state === 'active' ? 'required' : 'recommended',
    keyId: id,
  }));
}

/** The SPF terms that allow the sources: addresses where they are public, since `a:` costs each receiver a look-up. */
function spfTerms({ sources }: DomainNames): string {
  const terms = sources.map(({ address, ehlo }) =>
    isPublic(address) ? `ip${address.includes(':') ? 6 : 4}:${address}` : `a:${ehlo}`,
  );
  return [...new Set(terms)].join(' ');
}

function spfRecords(names: DomainNames): WantedRecord[] {
  const { domain, returnPathDomain } = names;
  // The addresses stand in one place, the return path's record; the domain itself refers to it.
  const own = `v=spf1 ${spfTerms(names)} -all`;
  const shared = returnPathDomain === domain;
  const address: WantedRecord = {
    key: 'from-address',
    purpose: 'from-address',
    step: 'spf',
    type: 'A',
    name: domain,
    value: outgoingAddresses(names)[0]?.address ?? '',
    level: 'recommended',
  };
  // SPF proper is asked of the return path (RFC 7208 §2.4); docomo and others look at the From domain too.
  const from: WantedRecord = {
    key: 'spf',
    purpose: 'spf',
    step: 'spf',
    type: 'TXT',
    name: domain,
    value: shared ? own : `v=spf1 include:${returnPathDomain} ~all`,
    level: shared ? 'required' : 'recommended',
  };
  if (shared) return [from, address];
  const path: WantedRecord = {
    key: 'return-path-spf',
    purpose: 'return-path-spf',
    step: 'spf',
    type: 'TXT',
    name: returnPathDomain,
    value: own,
    level: 'required',
  };
  return [path, from, address];
}

function dmarcRecord({ domain, dmarcPolicy, dmarcReports }: DomainNames): WantedRecord {
  return {
    key: 'dmarc',
    purpose: 'dmarc',
    step: 'dmarc',
    type: 'TXT',
    name: `_dmarc.${domain}`,
    value: `v=DMARC1; p=${dmarcPolicy}${dmarcReports && `; rua=mailto:${dmarcReports}`}`,
    level: 'required',
  };
}

/** Names that resolve and addresses that name themselves: Gmail and others refuse what comes without. */
function serverRecords(names: DomainNames): WantedRecord[] {
  const level = names.relayed ? 'optional' : 'required';
  const ehlos = [...new Set(names.sources.map(({ ehlo }) => ehlo))];
  const outgoing = outgoingAddresses(names);
  return ehlos.flatMap((ehlo): WantedRecord[] => {
    const known = names.sources.find((source) => source.ehlo === ehlo && isPublic(source.address))?.address;
    const addresses = outgoing.filter((one) => one.ehlo === ehlo).map(({ address }) => address);
    const pools = [...new Set(names.sources.flatMap((one) => (one.ehlo === ehlo ? one.pools : [])))];
    return [
      {
        key: `ehlo:${ehlo}`,
        purpose: 'ehlo',
        step: 'reverse-dns',
        type: known?.includes(':') ? 'AAAA' : 'A',
        name: ehlo,
        value: known ?? '',
        level,
        pools,
      },
      ...(addresses.length > 0 ? addresses : ['']).map(
        (address): WantedRecord => ({
          key: `ptr:${address || ehlo}`,
          purpose: 'ptr',
          step: 'reverse-dns',
          type: 'PTR',
          name: address && reverseName(address),
          value: ehlo,
          level,
          address,
          ehlo,
          pools: address === '' ? pools : poolsOf(names, address),
        }),
      ),
    ];
  });
}

/** About mail that comes to the domain: no provider asks a sender for them. */
function hints({ domain, dmarcReports }: DomainNames): WantedRecord[] {
  const hint = { step: 'return-path', type: 'TXT', level: 'optional' } as const;
  return [
    {
      ...hint,
      key: 'tlsrpt',
      purpose: 'tlsrpt',
      name: `_smtp._tls.${domain}`,
      value: `v=TLSRPTv1; rua=mailto:${dmarcReports || `postmaster@${domain}`}`,
    },
    { ...hint, key: 'mta-sts', purpose: 'mta-sts', name: `_mta-sts.${domain}`, value: 'v=STSv1; id=1' },
  ];
}

/** Zone files hold strings of at most 255 bytes (RFC 1035 §3.3): a long value is shown the way it is pasted. */
export function txtForZone(value: string): string {
  if (value.length <= 255) return value;
  return value
    .match(/.{1,255}/g)!
    .map((part) => `"${part}"`)
    .join(' ');
}
