/**
 * SPF (RFC 7208): a record's terms, and what a receiver would make of it for an address. Pure: includes were walked
 * before (dns-spf-walk.ts), so all of it is tested as tables.
 */
import { inNetwork } from './dns-addresses.ts';

const MECHANISMS = ['all', 'include', 'a', 'mx', 'ptr', 'ip4', 'ip6', 'exists'] as const;
type Mechanism = (typeof MECHANISMS)[number];

export interface SpfTerm {
  /** as it was written */
  text: string;
  qualifier: '+' | '-' | '~' | '?';
  kind: Mechanism | 'redirect';
  /** domain or network; '' means the record's own domain */
  target: string;
  /** of `a` and `mx` */
  bits4: number;
  bits6: number;
}

export interface SpfNode {
  domain: string;
  /** all SPF records at the name: exactly one is right (§4.5) */
  records: string[];
  terms: SpfNodeTerm[];
  /** terms that cannot be read (§4.6) */
  errors: string[];
  /** `failed`: the DNS did not tell; `loop`: it includes itself; `cut`: too deep to follow any further */
  problem?: 'failed' | 'loop' | 'cut';
  /** `timeout` or the DNS error's name, with problem `failed` */
  detail?: string;
}
export interface SpfNodeTerm extends SpfTerm {
  /** a, mx: what the names resolve to */
  addresses?: string[];
  /** include, redirect */
  node?: SpfNode;
  /** the name that was asked for had no such record (§4.6.4) */
  nothing?: boolean;
}

export type SpfResult = 'pass' | 'fail' | 'softfail' | 'neutral' | 'none' | 'permerror' | 'temperror';

export const isSpf = (txt: string): boolean => /^v=spf1(\s|$)/i.test(txt);

/** Terms in the record's order, `redirect` where it stands (it only counts after all mechanisms, §6.1). */
export function parseSpf(record: string): { terms: SpfTerm[]; errors: string[] } {
  const terms: SpfTerm[] = [];
  const errors: string[] = [];
  for (const text of record.trim().split(/\s+/).slice(1)) {
    const term = parseTerm(text);
    if (term === 'error') errors.push(text);
    else if (term) terms.push(term);
  }
  return { terms, errors };
}

function parseTerm(text: string): SpfTerm | 'error' | undefined {
  const modifier = /^([a-z][a-z0-9_.-]*)=(.*)$/i.exec(text);
  if (modifier) {
    // Modifiers that nobody knows are ignored (§6).
    if (modifier[1]!.toLowerCase() !== 'redirect') return undefined;
    const target = domainOf(modifier[2]!);
    return target === ''
      ? 'error'
      : { text, qualifier: '+', kind: 'redirect', target, bits4: 32, bits6: 128 };
  }
  const match = /^([+?~-]?)([a-z0-9]+)(?::([^/]+))?((?:\/\d{1,3})?(?:\/\/\d{1,3})?)$/i.exec(text);
  const network = /^([+?~-]?)(ip[46]):(\S+)$/i.exec(text);
  const [, sign = '', name = '', given = '', cidr = ''] = network ?? match ?? [];
  const kind = name.toLowerCase() as Mechanism;
  if (!MECHANISMS.includes(kind)) return 'error';
  const qualifier = (sign || '+') as SpfTerm['qualifier'];
  if (kind === 'ip4' || kind === 'ip6') {
    const family = kind === 'ip4' ? /^\d+(\.\d+){3}(\/\d+)?$/ : /^[0-9a-f:.]*:[0-9a-f:.]*(\/\d+)?$/i;
    const address = given.split('/')[0]!;
    if (!family.test(given) || !inNetwork(address, given)) return 'error';
    return { text, qualifier, kind, target: given, bits4: 32, bits6: 128 };
  }
  const target = domainOf(given);
  if ((kind === 'include' || kind === 'exists') && target === '') return 'error';
  if (cidr !== '' && kind !== 'a' && kind !== 'mx') return 'error';
  const bits4 = Number(/^\/(\d+)/.exec(cidr)?.[1] ?? 32);
  const bits6 = Number(/\/\/(\d+)/.exec(cidr)?.[1] ?? 128);
  return bits4 > 32 || bits6 > 128 ? 'error' : { text, qualifier, kind, target, bits4, bits6 };
}

const domainOf = (text: string): string => text.toLowerCase().replace(/\.$/, '');

/** Macros (§7) depend on the mail: what they lead to cannot be known here. */
export const hasMacro = (target: string): boolean => target.includes('%');

/** check_host() of §4 for one address, as far as macros and `ptr` do not decide. Without the limits on look-ups. */
export function evaluateSpf(node: SpfNode, address: string): SpfResult {
  if (node.problem === 'failed') return 'temperror';
  if (node.problem !== undefined || node.records.length > 1 || node.errors.length > 0) return 'permerror';
  if (node.records.length === 0) return 'none';
  for (const term of node.terms) {
    if (term.kind === 'redirect') continue;
    const match = matches(term, address);
    if (match === 'permerror' || match === 'temperror') return match;
    if (match)
      return ({ '+': 'pass', '-': 'fail', '~': 'softfail', '?': 'neutral' } as const)[term.qualifier];
  }
  const redirect = node.terms.find(({ kind }) => kind === 'redirect');
  if (!redirect?.node) return 'neutral';
  const result = evaluateSpf(redirect.node, address);
  return result === 'none' ? 'permerror' : result;
}

function matches(term: SpfNodeTerm, address: string): boolean | 'permerror' | 'temperror' {
  switch (term.kind) {
    case 'all':
      return true;
    case 'ip4':
    case 'ip6':
      return inNetwork(address, term.target);
    case 'a':
    case 'mx':
      return (term.addresses ?? []).some((known) =>
        inNetwork(address, `${known}/${known.includes(':') ? term.bits6 : term.bits4}`),
      );
    case 'include': {
      if (!term.node) return false;
      const result = evaluateSpf(term.node, address);
      if (result === 'temperror') return 'temperror';
      if (result === 'permerror' || result === 'none') return 'permerror';
      return result === 'pass';
    }
    default:
      return false;
  }
}

const ASKS: readonly SpfTerm['kind'][] = ['include', 'a', 'mx', 'ptr', 'exists', 'redirect'];

/** The terms that cost a receiver a look-up, over all includes: at most ten (§4.6.4). */
export function countLookups(node: SpfNode): number {
  return node.terms.reduce(
    (sum, term) => sum + Number(ASKS.includes(term.kind)) + (term.node ? countLookups(term.node) : 0),
    0,
  );
}

/** Every node of the tree, the record itself first. */
export function allNodes(node: SpfNode): SpfNode[] {
  return [node, ...node.terms.flatMap((term) => (term.node ? allNodes(term.node) : []))];
}
