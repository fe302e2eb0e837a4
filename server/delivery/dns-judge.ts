/** Whether what is published does its work, and what to change if not. Pure: look-ups are given, so it is tested as tables. */
import { isPublic, sameAddress } from './dns-addresses.ts';
import { type Advice, advise, type Verdict } from './dns-advice.ts';

const verdict = (state: Verdict['state'], found: string[], ...advice: Advice[]): Verdict => ({
  state,
  found,
  advice,
});

/** `tag=value; …` of DKIM, DMARC and their like (RFC 6376 §3.2); of equal tags the first. */
function tagsOf(record: string): Map<string, string> {
  const tags = new Map<string, string>();
  for (const part of record.split(';')) {
    const equals = part.indexOf('=');
    const name = part.slice(0, equals).trim().toLowerCase();
    if (equals > 0 && !tags.has(name)) tags.set(name, part.slice(equals + 1).trim());
  }
  return tags;
}

/** A name that resolves to another one (an alias) answers with that one's records, or with nothing. */
export function explainMissing(
  found: Verdict,
  name: string,
  facts: { alias: string | undefined; doubled: boolean },
): Verdict {
  if (facts.doubled) return { ...found, advice: [advise('name-doubled', { name })] };
  if (facts.alias !== undefined)
    return { ...found, advice: [advise('cname-in-the-way', { name, target: facts.alias })] };
  return found;
}

/**
 * @param wanted our record's value
 * @param others values of the domain's other keys by selector: two that were swapped are a common slip
 */
export function judgeDkim(
  wanted: string,
  values: readonly string[],
  others: Readonly<Record<string, string>> = {},
): Verdict {
  const found = values.filter((value) => /\bp\s*=/.test(value));
  if (found.length === 0) return verdict('missing', [...values], advise('record-missing'));
  // Verifiers may take any of them (RFC 6376 §3.6.2.2).
  if (found.length > 1)
    return verdict('different', found, advise('dkim-several-records', { count: String(found.length) }));
  const text = found[0]!;
  const tags = tagsOf(text);
  const want = tagsOf(wanted);
  const key = keyOf(text);
  if (key === '') return verdict('different', found, advise('dkim-revoked'));
  if (key !== keyOf(wanted)) return verdict('different', found, wrongKey(text, wanted, others));
  const type = tags.get('k') ?? 'rsa';
  if (type !== want.get('k'))
    return verdict('different', found, advise('dkim-wrong-type', { found: type, wanted: want.get('k')! }));
  const lists = (tag: string, needed: string[]): boolean =>
    !tags.has(tag) ||
    tags
      .get(tag)!
      .split(':')
      .some((one) => needed.includes(one.trim().toLowerCase()));
  if (!lists('h', ['sha256']) || !lists('s', ['email', '*']))
    return verdict('different', found, advise('dkim-not-for-mail'));
  // With t=y a verifier treats the mail as unsigned (§3.6.1).
  const flags = (tags.get('t') ?? '').split(':').map((flag) => flag.trim());
  return verdict('ok', found, ...(flags.includes('y') ? [advise('dkim-testing')] : []));
}

/** White space in p= is allowed (§3.6.1). */
const keyOf = (record: string): string => (tagsOf(record).get('p') ?? '').replace(/\s+/g, '');

function wrongKey(text: string, wanted: string, others: Readonly<Record<string, string>>): Advice {
  const key = keyOf(text);
  const want = keyOf(wanted);
  if (/["\\]/.test(text) && keyOf(text.replace(/["\\]/g, '')) === want) return advise('txt-quotes');
  const other = Object.entries(others).find(([, value]) => keyOf(value) === key);
  if (other) return advise('dkim-other-key', { selector: other[0] });
  // A string of 255 bytes that was left out, at the end or at the start.
  if (key.length < want.length && (want.startsWith(key) || want.endsWith(key)))
    return advise('dkim-truncated', { found: String(key.length), wanted: String(want.length) });
  return advise('dkim-wrong-key');
}

const POLICIES = ['none', 'quarantine', 'reject'];

export interface DmarcFacts {
  /** the name that answered: ours or a parent's */
  name: string;
  values: readonly string[];
  /** report addresses at other domains that did not agree to take them (RFC 7489 §7.1) */
  refused?: { address: string; name: string }[];
}

/** Any policy does for the providers; a weaker one than was chosen is said. */
export function judgeDmarc(wanted: { name: string; value: string }, facts: DmarcFacts): Verdict {
  const found = facts.values.filter((value) => /\bv\s*=\s*DMARC1\b/i.test(value));
  if (found.length === 0) return verdict('missing', [], advise('record-missing'));
  // More than one counts as none (RFC 7489 §6.6.3).
  if (found.length > 1)
    return verdict('different', found, advise('dmarc-several-records', { count: String(found.length) }));
  const text = found[0]!;
  if (/^["\\]|\\;/.test(text)) return verdict('different', found, advise('txt-quotes'));
  if (!/^v\s*=\s*DMARC1\s*(;|$)/.test(text)) return verdict('different', found, advise('dmarc-not-first'));
  const tags = tagsOf(text);
  const inherited = facts.name !== wanted.name;
  // A parent's policy for its subdomains is sp=, else p= (§6.3).
  const policy = ((inherited && tags.get('sp')) || tags.get('p'))?.toLowerCase();
  if (policy === undefined) return verdict('different', found, advise('dmarc-policy-missing'));
  if (!POLICIES.includes(policy))
    return verdict('different', found, advise('dmarc-policy-invalid', { policy }));
  return verdict('ok', found, ...dmarcHints(wanted, facts, tags, policy));
}

function* dmarcHints(
  wanted: { name: string; value: string },
  facts: DmarcFacts,
  tags: Map<string, string>,
  policy: string,
): Generator<Advice> {
  const want = tagsOf(wanted.value);
  const inherited = facts.name !== wanted.name;
  // A record of the domain's own would replace the parent's: there is nothing to merge with.
  const suggestion: Record<string, string> = inherited ? {} : { suggestion: mergeDmarc(tags, want) };
  if (POLICIES.indexOf(policy) < POLICIES.indexOf(want.get('p')!))
    yield advise('dmarc-policy-weaker', { found: policy, wanted: want.get('p')!, ...suggestion });
  if (inherited) yield advise('dmarc-inherited', { name: facts.name, policy });
  const reports = reportAddresses(tags.get('rua') ?? '');
  const own = reportAddresses(want.get('rua') ?? '');
  if (reports.length === 0) yield advise('dmarc-reports-none', own.length > 0 ? suggestion : {});
  else if (own.some((address) => !reports.includes(address)))
    yield advise('dmarc-reports-differ', {
      found: reports.join(', '),
      wanted: own.join(', '),
      ...suggestion,
    });
  for (const { address, name } of facts.refused ?? [])
    yield advise('dmarc-reports-refused', { address, name, value: 'v=DMARC1' });
  // The return path is a subdomain: SPF is only aligned in the relaxed way (§3.1.2). DKIM still is.
  if (tags.get('aspf')?.toLowerCase() === 's') yield advise('dmarc-strict-spf');
}

/** The record that is there with the stricter policy of the two and with our report address beside the others. */
function mergeDmarc(tags: ReadonlyMap<string, string>, want: ReadonlyMap<string, string>): string {
  const rank = (policy: string): number => POLICIES.indexOf(policy.toLowerCase());
  const policy = [tags.get('p')!, want.get('p')!].sort((a, b) => rank(b) - rank(a))[0]!;
  const there = tags.get('rua') ?? '';
  const known = reportAddresses(there);
  const added = reportAddresses(want.get('rua') ?? '').filter((address) => !known.includes(address));
  const rua = [there, ...added.map((address) => `mailto:${address}`)].filter(Boolean).join(',');
  const rest = [...tags].filter(([name]) => !['v', 'p', 'rua'].includes(name));
  return [
    'v=DMARC1',
    `p=${policy.toLowerCase()}`,
    ...rest.map(([name, value]) => `${name}=${value}`),
    ...(rua === '' ? [] : [`rua=${rua}`]),
  ].join('; ');
}

/** The addresses of `rua=mailto:a@example.jp!10m,mailto:…`. */
export function reportAddresses(rua: string): string[] {
  return rua
    .split(',')
    .map((uri) => /^\s*mailto:([^!\s]+)/i.exec(uri)?.[1]?.toLowerCase() ?? '')
    .filter((address) => address.includes('@'));
}

/** The report addresses of the only DMARC record, [] when there is none. */
export function dmarcReportsOf(values: readonly string[]): string[] {
  const found = values.filter((value) => /^v\s*=\s*DMARC1\b/i.test(value));
  return found.length === 1 ? reportAddresses(tagsOf(found[0]!).get('rua') ?? '') : [];
}

export interface MxFacts {
  hosts: { preference: number; host: string; addresses: string[]; alias: string | undefined }[];
  /** addresses of the wanted host: another name for it is as good */
  own: string[];
}

/** Bounces must come to us first. */
export function judgeMx(wanted: string, { hosts, own }: MxFacts): Verdict {
  const found = hosts.map(({ preference, host }) => `${preference} ${host}`);
  const host = wanted.split(' ')[1]!.toLowerCase();
  if (hosts.length === 0) return verdict('missing', found, advise('record-missing'));
  if (hosts.every((mx) => mx.host === '.')) return verdict('different', found, advise('mx-null'));
  const ours = hosts.filter(
    (mx) => mx.host === host || mx.addresses.some((address) => own.some((one) => sameAddress(one, address))),
  );
  const best = ours.sort((a, b) => a.preference - b.preference)[0];
  if (!best) {
    const literal = hosts.find((mx) => /^[\d.]+$|:/.test(mx.host));
    return verdict(
      'different',
      found,
      literal
        ? advise('mx-is-address', { address: literal.host, wanted: host })
        : advise('mx-elsewhere', { hosts: hosts.map((mx) => mx.host).join(', '), wanted: host }),
    );
  }
  const first = hosts.filter((mx) => !ours.includes(mx) && mx.preference <= best.preference);
  if (first.length > 0) {
    const values = { hosts: first.map((mx) => mx.host).join(', '), wanted: host };
    return verdict('different', found, advise('mx-others-first', values));
  }
  // RFC 2181 §10.3: many servers do not follow an alias here.
  if (best.alias !== undefined)
    return verdict('different', found, advise('mx-is-cname', { host: best.host, target: best.alias }));
  if (best.addresses.length === 0)
    return verdict('different', found, advise('mx-target-unresolved', { host: best.host }));
  return verdict('ok', found);
}

/** docomo refuses senders whose domain has neither A nor MX; a null MX (RFC 7505) says that nobody can answer. */
export function judgeFromAddress(addresses: readonly string[], mx: readonly string[]): Verdict {
  const found = [...addresses, ...mx];
  const hosts = mx.filter((value) => !value.endsWith(' .'));
  if (mx.length > 0 && hosts.length === 0) return verdict('different', found, advise('from-null-mx'));
  return found.length > 0 ? verdict('ok', found) : verdict('missing', found, advise('record-missing'));
}

/** @param expected public addresses that use the name; [] where the system chooses the address */
export function judgeEhlo(ehlo: string, addresses: readonly string[], expected: readonly string[]): Verdict {
  const found = [...addresses];
  // RFC 5321 §4.1.1.1 wants a name that the world can resolve.
  if (
    !/^([a-z0-9-]+\.)+[a-z][a-z0-9-]+$/i.test(ehlo) ||
    /(^|\.)(localhost|localdomain|local|internal)$/i.test(ehlo)
  )
    return verdict('different', found, advise('ehlo-not-public', { ehlo }));
  if (found.length === 0) return verdict('missing', found, advise('record-missing'));
  const missing = expected.filter((address) => !found.some((one) => sameAddress(one, address)));
  if (missing.length > 0)
    return verdict('different', found, advise('ehlo-other-address', { ehlo, wanted: missing.join(', ') }));
  if (!found.some(isPublic))
    return verdict('different', found, advise('ehlo-private', { ehlo, found: found.join(', ') }));
  return verdict('ok', found);
}

export interface PtrFacts {
  address: string;
  ehlo: string;
  /** the PTR names with the addresses that they resolve to */
  names: { name: string; addresses: string[] }[];
}

/** Forward-confirmed reverse DNS: the address names itself, and the name leads back to it (RFC 1912 §2.1). */
export function judgePtr({ address, ehlo, names }: PtrFacts): Verdict {
  const found = names.map(({ name }) => name);
  if (names.length === 0) return verdict('missing', found, advise('ptr-missing', { address, ehlo }));
  const confirmed = names.filter(({ addresses }) => addresses.some((one) => sameAddress(address, one)));
  if (confirmed.length === 0) {
    const back = names.flatMap(({ addresses }) => addresses).join(', ');
    const values = { address, name: found[0]!, found: back || '-' };
    return verdict('different', found, advise('ptr-not-confirmed', values));
  }
  const hints: Advice[] = [];
  const named = confirmed.some(({ name }) => name === ehlo.toLowerCase());
  if (!named) hints.push(advise('ptr-not-ehlo', { name: confirmed[0]!.name, ehlo }));
  if (names.length > 1) hints.push(advise('ptr-several', { count: String(names.length) }));
  // Names such as 203-0-113-7.static.example.net are taken for dial-up lines.
  if (!named && confirmed.some(({ name }) => /\d{1,3}([.-]\d{1,3}){2}/.test(name)))
    hints.push(advise('ptr-generic', { name: confirmed[0]!.name }));
  return verdict('ok', found, ...hints);
}

/** TLSRPT (RFC 8460 §3) and MTA-STS (RFC 8461 §3.1): that there is one and that it can be read. */
export function judgeHint(purpose: 'tlsrpt' | 'mta-sts', values: readonly string[]): Verdict {
  const version = purpose === 'tlsrpt' ? /^v\s*=\s*TLSRPTv1\s*;/ : /^v\s*=\s*STSv1\s*;/;
  const found = values.filter((value) => version.test(value));
  if (found.length === 0) return verdict('missing', [...values], advise('record-missing'));
  const tag = tagsOf(found[0]!).get(purpose === 'tlsrpt' ? 'rua' : 'id') ?? '';
  const valid = purpose === 'tlsrpt' ? /^(mailto|https):/i.test(tag) : /^[a-z0-9]{1,32}$/i.test(tag);
  if (found.length === 1 && valid) return verdict('ok', found);
  return verdict('different', found, advise(`${purpose}-invalid`));
}
