/** Looks the records of a sending domain up now: what the world sees. */
import { isPublic } from './dns-addresses.ts';
import { type Advice, advise, type Verdict } from './dns-advice.ts';
import * as judge from './dns-judge.ts';
import { judgeSpf } from './dns-judge-spf.ts';
import type { DnsLookup, LookupType } from './dns-lookup.ts';
import {
  type DomainNames,
  type OutgoingAddress,
  outgoingAddresses,
  poolsOf,
  type WantedRecord,
  wantedRecords,
} from './dns-records.ts';
import { addressesOf, walkSpf } from './dns-spf-walk.ts';

export interface RecordCheck extends Verdict {
  key: string;
  /** what was wanted when it was checked */
  name: string;
  value: string;
  /** epoch ms */
  at: number;
}
export interface CheckResult {
  records: RecordCheck[];
  /** the public addresses of the EHLO names of sources without a public address of their own */
  resolved: OutgoingAddress[];
}
export interface CheckOptions {
  /** only these records, by key; all when left out */
  only?: readonly string[] | undefined;
  /** ms for each record, all its look-ups together */
  deadline?: number;
  now?: () => number;
}

/** All at once, each within its own time: one name server that is silent spoils nothing but its own records. Never rejects. */
export async function checkRecords(
  names: DomainNames,
  lookup: DnsLookup,
  { only, deadline = 12_000, now = Date.now }: CheckOptions = {},
): Promise<CheckResult> {
  const resolved = await within(deadline, resolveSources(names, lookup), () => names.resolved);
  const current = { ...names, resolved };
  const wanted = wantedRecords(current).filter(({ key }) => only === undefined || only.includes(key));
  const records = await Promise.all(
    wanted.map(async (record): Promise<RecordCheck> => {
      const { key, name, value } = record;
      const late = () => problem(name || value, 'timeout');
      const found = await within(deadline, checkRecord(record, current, lookup), late);
      return { key, name, value, ...found, at: now() };
    }),
  );
  return { records, resolved };
}

/** An address that only we see (behind a NAT, or chosen by the system) is known to the world by its EHLO name. */
async function resolveSources(names: DomainNames, lookup: DnsLookup): Promise<OutgoingAddress[]> {
  const ehlos = names.sources.filter(({ address }) => !isPublic(address)).map(({ ehlo }) => ehlo);
  const found = await Promise.all(
    [...new Set(ehlos)].map(async (ehlo) => {
      const answers = await Promise.all([lookup(ehlo, 'A'), lookup(ehlo, 'AAAA')]);
      // What is not known now is as it was.
      if (answers.some(({ ok }) => !ok)) return names.resolved.filter((known) => known.ehlo === ehlo);
      const addresses = answers.flatMap((answer) => (answer.ok ? answer.values : []));
      return addresses.filter(isPublic).map((address) => ({ address, ehlo }));
    }),
  );
  return found.flat();
}

/** A look-up that failed, on its way to the record that needed it. */
class LookupFailed extends Error {
  readonly verdict: Verdict;
  constructor(verdict: Verdict) {
    super();
    this.verdict = verdict;
  }
}

async function checkRecord(record: WantedRecord, names: DomainNames, lookup: DnsLookup): Promise<Verdict> {
  const ask = async (name: string, type: LookupType): Promise<string[]> => {
    const answer = await lookup(name, type);
    if (!answer.ok) throw new LookupFailed(problem(name, answer.problem));
    return answer.values;
  };
  try {
    const found = await judgeRecord(record, names, ask, lookup);
    return found.state === 'ok' ? found : await explain(found, record, names, lookup);
  } catch (error) {
    if (error instanceof LookupFailed) return error.verdict;
    throw error;
  }
}

type Ask = (name: string, type: LookupType) => Promise<string[]>;

async function judgeRecord(
  record: WantedRecord,
  names: DomainNames,
  ask: Ask,
  lookup: DnsLookup,
): Promise<Verdict> {
  const { name, value } = record;
  switch (record.purpose) {
    case 'dkim':
      return judge.judgeDkim(value, await ask(name, 'TXT'), otherKeys(record, names));
    case 'spf':
    case 'return-path-spf': {
      const addresses = outgoingAddresses(names).map(({ address }) => address);
      return judgeSpf(value, await walkSpf(name, lookup), addresses, (one) => poolsOf(names, one));
    }
    case 'dmarc':
      return judge.judgeDmarc(record, await dmarcFacts(record, names, ask, lookup));
    case 'return-path-mx':
      return judge.judgeMx(value, await mxFacts(record, ask, lookup));
    case 'from-address': {
      const [a, aaaa, mx] = await Promise.all([ask(name, 'A'), ask(name, 'AAAA'), ask(name, 'MX')]);
      return judge.judgeFromAddress([...a, ...aaaa], mx);
    }
    case 'ehlo': {
      const [a, aaaa] = await Promise.all([ask(name, 'A'), ask(name, 'AAAA')]);
      const own = names.sources.filter(({ ehlo, address }) => ehlo === name && isPublic(address));
      return judge.judgeEhlo(
        name,
        [...a, ...aaaa],
        own.map(({ address }) => address),
      );
    }
    case 'ptr': {
      const { address = '', ehlo = '' } = record;
      if (address === '')
        return { state: 'error', found: [], advice: [advise('ptr-address-unknown', { ehlo })] };
      const found = await Promise.all(
        // More than a few names are a fault in themselves.
        (await ask(address, 'PTR')).slice(0, 10).map(async (one) => ({
          name: one,
          addresses: await ask(one, address.includes(':') ? 'AAAA' : 'A'),
        })),
      );
      return judge.judgePtr({ address, ehlo, names: found });
    }
    case 'tlsrpt':
    case 'mta-sts':
      return judge.judgeHint(record.purpose, await ask(name, 'TXT'));
  }
}

function otherKeys(record: WantedRecord, names: DomainNames): Record<string, string> {
  const others = wantedRecords(names).filter(({ purpose, key }) => purpose === 'dkim' && key !== record.key);
  return Object.fromEntries(others.map(({ name, value }) => [name.split('.')[0]!, value]));
}

async function dmarcFacts(
  record: WantedRecord,
  { domain }: DomainNames,
  ask: Ask,
  lookup: DnsLookup,
): Promise<judge.DmarcFacts> {
  for (const name of dmarcNames(domain)) {
    const values = await ask(name, 'TXT');
    if (!values.some((value) => /v\s*=\s*DMARC1/i.test(value))) continue;
    const addresses = judge.dmarcReportsOf(values);
    const answers = await Promise.all(
      addresses.map(async (address) => {
        const host = address.slice(address.lastIndexOf('@') + 1);
        const own = name.replace(/^_dmarc\./, '');
        if (host === own || host.endsWith(`.${own}`) || own.endsWith(`.${host}`)) return undefined;
        const at = `${own}._report._dmarc.${host}`;
        const answer = await lookup(at, 'TXT');
        const agreed = !answer.ok || answer.values.some((value) => /^v\s*=\s*DMARC1/i.test(value));
        return agreed ? undefined : { address, name: at };
      }),
    );
    return { name, values, refused: answers.filter((answer) => answer !== undefined) };
  }
  return { name: record.name, values: [] };
}

/**
 * A parent's policy covers its subdomains. Walking up all labels finds it without a list of public suffixes; at most
 * eight look-ups (the DNS tree walk of DMARCbis), and never at a top-level domain alone.
 */
function dmarcNames(domain: string): string[] {
  const labels = domain.split('.');
  const names: string[] = [];
  for (let from = 0; labels.length - from >= 2; from += 1) {
    if (from > 0 && labels.length - from > 7) continue;
    names.push(`_dmarc.${labels.slice(from).join('.')}`);
  }
  return names;
}

async function mxFacts(record: WantedRecord, ask: Ask, lookup: DnsLookup): Promise<judge.MxFacts> {
  const values = await ask(record.name, 'MX');
  const hosts = await Promise.all(
    values.slice(0, 20).map(async (value) => {
      const [preference = '0', host = '.'] = value.split(' ');
      const [addresses, alias] =
        host === '.'
          ? [[], undefined]
          : await Promise.all([addressesOf(host, lookup), aliasOf(host, lookup)]);
      return { preference: Number(preference), host, addresses, alias };
    }),
  );
  return { hosts, own: await addressesOf(record.value.split(' ')[1]!, lookup) };
}

async function aliasOf(name: string, lookup: DnsLookup): Promise<string | undefined> {
  const answer = await lookup(name, 'CNAME');
  return answer.ok ? answer.values[0] : undefined;
}

/** Why a record is not there: a panel that added the domain to the full name, or an alias at its place. */
async function explain(
  found: Verdict,
  record: WantedRecord,
  names: DomainNames,
  lookup: DnsLookup,
): Promise<Verdict> {
  const { name, type, value } = record;
  if ((type !== 'TXT' && type !== 'MX') || found.state === 'error') return found;
  const [doubled, alias] = await Promise.all([
    found.state === 'missing' ? lookup(`${name}.${names.domain}`, type) : undefined,
    aliasOf(name, lookup),
  ]);
  // A wildcard record answers everywhere: it has to be of our kind.
  const ours = (text: string): boolean => type === 'MX' || text.slice(0, 6) === value.slice(0, 6);
  const there = doubled?.ok === true && doubled.values.some(ours);
  return judge.explainMissing(found, name, { alias, doubled: there });
}

function problem(name: string, code: string): Verdict {
  const advice: Advice =
    code === 'timeout' ? advise('dns-timeout', { name }) : advise('dns-failed', { name, error: code });
  return { state: 'error', found: [], advice: [advice] };
}

/** What comes later than `ms` is given up; the resolver ends its own questions. */
async function within<T>(ms: number, work: Promise<T>, late: () => T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(late()), ms);
  });
  return Promise.race([work, limit]).finally(() => clearTimeout(timer));
}
