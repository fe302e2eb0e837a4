import { promises as dns, type LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import type { Route } from '../types.ts';
import { interleave, shuffle } from './address.ts';
import type { Resolver } from './dns.ts';
import type { HostTarget } from './types.ts';

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const DOMAIN = new RegExp(`^(?:${LABEL}\\.)*${LABEL}$`);
const MAX_PER_HOST = 4;

/** The most specific route or rule: the domain itself, then the longest `*.suffix`, then `*`. `domain` is an A-label in lower case. */
export function matchRoute<T extends { match: string }>(domain: string, routes: readonly T[]): T | undefined {
  let best: T | undefined;
  let rank = -1;
  for (const route of routes) {
    const { match } = route;
    let matched = -1;
    if (match === domain) matched = Number.POSITIVE_INFINITY;
    else if (match === '*') matched = 0;
    else if (match.startsWith('*.') && domain.endsWith(match.slice(1))) matched = match.length;
    if (matched > rank) {
      best = route;
      rank = matched;
    }
  }
  return best;
}

/** Brings a pattern into the form that is stored and compared: lower case, A-labels, without a final dot. */
export function checkRouteMatch(match: string): { ok: true; match: string } | { ok: false; message: string } {
  const trimmed = match.trim();
  if (trimmed === '*') return { ok: true, match: '*' };
  const prefix = trimmed.startsWith('*.') ? '*.' : '';
  const typed = trimmed.slice(prefix.length).replace(/\.$/, '');
  const domain = domainToASCII(typed);
  // domainToASCII reads 127.1 and 0x7f000001 as addresses
  if (typed === '' || !DOMAIN.test(domain) || domain.length > 253 || isIP(domain) !== 0) {
    return { ok: false, message: 'should be a domain (example.jp), *.domain (*.example.jp) or *' };
  }
  return { ok: true, match: prefix + domain };
}

/** The system's way to an address: /etc/hosts, Docker's names, search domains. May reject. */
export type SystemLookup = (name: string) => Promise<LookupAddress[]>;

/** ms; getaddrinfo may hold a thread of the pool, which also signs, for seconds: failures are kept as well */
const SYSTEM_TTL = 60_000;
const looked = new Map<string, { answer: Promise<LookupAddress[]>; until: number }>();

const systemLookup: SystemLookup = (name) => {
  const known = looked.get(name);
  if (known && known.until > performance.now()) return known.answer;
  // Only names of routes come here, so there are few.
  const answer = dns.lookup(name, { all: true });
  looked.set(name, { answer, until: performance.now() + SYSTEM_TTL });
  return answer;
};

/**
 * The addresses of a route's relay hosts, the hosts in any order (the queue knows which is up and whose turn it is), each with its
 * addresses together. A name that the resolver does not know is asked of the system. Loopback and private addresses are allowed here, because the route names them. A host whose name has no
 * address now is left out, so the list may be empty. Never rejects.
 */
export async function relayHosts(
  route: Route,
  resolver: Resolver,
  random: () => number = Math.random,
  lookup: SystemLookup = systemLookup,
): Promise<HostTarget[]> {
  const order = shuffle(route.relay ?? [], random);
  const addresses = await Promise.all(
    order.map(({ host }) => relayAddresses(host, resolver, random, lookup)),
  );
  return order.flatMap((relay, i) =>
    addresses[i]!.map((address) => ({ host: relay.host, address, port: relay.port, relay })),
  );
}

async function relayAddresses(
  host: string,
  resolver: Resolver,
  random: () => number,
  lookup: SystemLookup,
): Promise<string[]> {
  const bare = host.replace(/^\[|\]$/g, '');
  if (isIP(bare) !== 0) return [bare];
  const name = domainToASCII(host);
  // RFC 6761 §6.3: never asked of the DNS
  if (name === 'localhost' || name.endsWith('.localhost')) return ['127.0.0.1'];
  const [a, aaaa] = await Promise.all([resolver.a(name), resolver.aaaa(name)]);
  const v4 = a.kind === 'records' ? shuffle(a.records, random) : [];
  const v6 = aaaa.kind === 'records' ? shuffle(aaaa.records, random) : [];
  const found = interleave(v4, v6);
  // TODOKE_DNS may be a public resolver, which knows nothing of a company's or a compose file's names.
  if (found.length === 0) found.push(...(await lookup(name).catch(() => [])).map(({ address }) => address));
  return found.slice(0, MAX_PER_HOST);
}
