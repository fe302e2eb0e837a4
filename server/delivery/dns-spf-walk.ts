/** Follows an SPF record through its includes, as a receiver does, but all of them and bounded. */
import type { DnsLookup } from './dns-lookup.ts';
import { hasMacro, isSpf, parseSpf, type SpfNode, type SpfNodeTerm, type SpfTerm } from './dns-spf.ts';

/** Beyond what any receiver follows (10): enough to tell by how much a record exceeds it. */
const MAX_TERMS = 30;
/** RFC 7208 §4.6.4: more MX names than that are an error. */
const MAX_MX = 10;

/** Reads the record at `domain` and everything it leads to: never more than 30 terms with look-ups. Never rejects. */
export function walkSpf(domain: string, lookup: DnsLookup): Promise<SpfNode> {
  let asked = 0;
  return node(domain, []);

  async function node(name: string, above: string[]): Promise<SpfNode> {
    const empty = { domain: name, records: [], terms: [], errors: [] };
    if (above.includes(name)) return { ...empty, problem: 'loop' };
    const answer = await lookup(name, 'TXT');
    if (!answer.ok) return { ...empty, problem: 'failed', detail: answer.problem };
    const records = answer.values.filter(isSpf);
    if (records.length !== 1) return { ...empty, records };
    const { terms, errors } = parseSpf(records[0]!);
    return {
      domain: name,
      records,
      errors,
      terms: await Promise.all(terms.map((term) => follow(term, name, [...above, name]))),
    };
  }

  async function follow(term: SpfTerm, own: string, above: string[]): Promise<SpfNodeTerm> {
    const target = term.target || own;
    if (hasMacro(target)) return term;
    switch (term.kind) {
      case 'include':
      case 'redirect': {
        asked += 1;
        if (asked > MAX_TERMS)
          return { ...term, node: { domain: target, records: [], terms: [], errors: [], problem: 'cut' } };
        const next = await node(target, above);
        return { ...term, node: next, nothing: next.records.length === 0 && next.problem === undefined };
      }
      case 'a':
      case 'exists':
      case 'mx': {
        asked += 1;
        if (asked > MAX_TERMS) return term;
        const addresses = term.kind === 'mx' ? await mxAddresses(target) : await addressesOf(target, lookup);
        return { ...term, addresses, nothing: addresses.length === 0 };
      }
      default:
        return term;
    }
  }

  async function mxAddresses(target: string): Promise<string[]> {
    const answer = await lookup(target, 'MX');
    const hosts = answer.ok ? answer.values.map((value) => value.split(' ')[1]!) : [];
    const found = await Promise.all(
      hosts
        .filter((host) => host !== '.')
        .slice(0, MAX_MX)
        .map((host) => addressesOf(host, lookup)),
    );
    return found.flat();
  }
}

/** IPv4 and IPv6; what could not be asked counts as nothing. */
export async function addressesOf(name: string, lookup: DnsLookup): Promise<string[]> {
  const answers = await Promise.all([lookup(name, 'A'), lookup(name, 'AAAA')]);
  return answers.flatMap((answer) => (answer.ok ? answer.values : []));
}
