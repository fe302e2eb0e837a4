import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { canonicalAddress, interleave, isPublicAddress, shuffle } from './address.ts';
import type { DnsAnswer, MxRecord, Resolver } from './dns.ts';
import type { HostTarget, MxOutcome } from './types.ts';

export interface MxOptions {
  /** names of this machine (EHLO names): when they are in the MX set, mail would come back to us */
  selfNames?: readonly string[] | undefined;
  selfAddresses?: readonly string[] | undefined;
  /** a route without relay hosts may name a domain whose mail server is inside the company */
  allowPrivate?: boolean | undefined;
  /** 0 ≤ x < 1; injectable for tests */
  random?: (() => number) | undefined;
  /** address families that this machine can use, in the order of preference */
  families?: readonly ('A' | 'AAAA')[] | undefined;
  port?: number | undefined;
}

/** Addresses tried for one mail; a host with many cannot use up all attempts (RFC 5321 §5.1 asks for two at least). */
const MAX_TARGETS = 8;
const MAX_PER_HOST = 4;
/** Hosts looked up at a time, in the order of preference. */
const HOSTS_AT_A_TIME = 5;
const MAX_CNAMES = 8;
const SMTP_PORT = 25;

const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
const NAME = new RegExp(`^(?:${LABEL}\\.)*${LABEL}$`);

/**
 * Where mail for a domain goes (RFC 5321 §5.1). IPv4 comes before IPv6 at equal rank, because reputation and warm-up of
 * bulk mail live there. Never rejects.
 */
export async function resolveMx(
  domain: string,
  resolver: Resolver,
  options: MxOptions = {},
): Promise<MxOutcome> {
  if (domain.startsWith('[')) return literal(domain, options);
  const name = domainToASCII(domain).replace(/\.$/, '');
  if (!NAME.test(name) || isIP(name) !== 0) {
    return unknownHost(550, '5.1.2', `${domain} is not a domain name`);
  }
  const found = await findMx(name, resolver);
  switch (found.kind) {
    case 'temporary':
      return { kind: 'temporary', text: `MX look-up of ${name} failed: ${found.error}` };
    case 'nxdomain':
      return unknownHost(550, '5.1.2', `Domain ${name} does not exist`);
    case 'nodata':
      // RFC 5321 §5.1: without any MX the domain itself is the only host.
      return expand(name, [{ preference: 0, exchange: found.name }], resolver, options);
    case 'records':
      if (found.records.every(({ exchange }) => exchange === '')) {
        return {
          kind: 'permanent',
          code: 556,
          status: '5.1.10',
          reason: 'null-mx',
          text: `Domain ${name} accepts no mail (null MX)`,
        };
      }
      return expand(name, found.records, resolver, options);
  }
}

type Found = Exclude<DnsAnswer<MxRecord>, { kind: 'nodata' }> | { kind: 'nodata'; name: string };

/**
 * The MX records of a name. A recursive resolver follows CNAMEs itself; where only the alias comes back, we go on from
 * its target, in bounds.
 */
async function findMx(name: string, resolver: Resolver): Promise<Found> {
  let at = name;
  for (let i = 0; i <= MAX_CNAMES; i += 1) {
    const answer = await resolver.mx(at);
    if (answer.kind !== 'nodata') return answer;
    const alias = await resolver.cname(at);
    if (alias.kind === 'temporary') return alias;
    if (alias.kind !== 'records') return { kind: 'nodata', name: at };
    at = alias.records[0]!.toLowerCase();
  }
  return { kind: 'temporary', error: `more than ${MAX_CNAMES} CNAMEs` };
}

async function expand(
  name: string,
  records: readonly MxRecord[],
  resolver: Resolver,
  options: MxOptions,
): Promise<MxOutcome> {
  const { random = Math.random } = options;
  const selfNames = new Set((options.selfNames ?? []).map((self) => self.toLowerCase()));
  const selfAddresses = new Set((options.selfAddresses ?? []).map(canonicalAddress));
  const usable = records.filter(({ exchange }) => exchange !== '');
  const mxHosts = [...new Set(usable.map(({ exchange }) => exchange))].sort();

  // RFC 5321 §5.1: if we are in the set, only better hosts than ourselves may be tried.
  let limit = Math.min(
    ...usable.filter(({ exchange }) => selfNames.has(exchange)).map(({ preference }) => preference),
    Number.POSITIVE_INFINITY,
  );
  // The sort is stable, so shuffling first shuffles the equals.
  const order = shuffle(usable, random).sort((a, b) => a.preference - b.preference);
  const targets: (HostTarget & { preference: number })[] = [];
  let problem: { kind: 'temporary' | 'private' | 'missing'; text: string } | undefined;
  for (let from = 0; from < order.length && targets.length < MAX_TARGETS; from += HOSTS_AT_A_TIME) {
    const some = order.slice(from, from + HOSTS_AT_A_TIME).filter(({ preference }) => preference < limit);
    const looked = await Promise.all(some.map(({ exchange }) => addressesOf(exchange, resolver, options)));
    for (const [i, { addresses, error }] of looked.entries()) {
      const { exchange, preference } = some[i]!;
      if (addresses.some((address) => selfAddresses.has(canonicalAddress(address)))) {
        limit = Math.min(limit, preference);
        continue;
      }
      if (addresses.length === 0) {
        // What may be better tomorrow decides over what will not.
        if (error !== undefined)
          problem = { kind: 'temporary', text: `Address look-up of ${exchange} failed: ${error}` };
        else problem ??= { kind: 'missing', text: `${exchange} has no address` };
      }
      const allowed = addresses.filter(
        (address) => options.allowPrivate === true || isPublicAddress(address),
      );
      if (addresses.length > 0 && allowed.length === 0 && problem?.kind !== 'temporary') {
        problem = {
          kind: 'private',
          text: `${exchange} is at ${addresses[0]}, which is not a public address`,
        };
      }
      for (const address of allowed.slice(0, MAX_PER_HOST)) {
        // Two names of one address are one server.
        if (targets.every((target) => target.address !== address)) {
          targets.push({ host: exchange, address, port: options.port ?? SMTP_PORT, preference });
        }
      }
    }
  }
  const hosts = targets
    .filter(({ preference }) => preference < limit)
    .slice(0, MAX_TARGETS)
    .map(({ preference: _, ...target }) => target);
  if (hosts.length > 0) return { kind: 'hosts', site: mxHosts.join(','), mxHosts, hosts };
  if (problem?.kind === 'temporary') return { kind: 'temporary', text: problem.text };
  if (limit !== Number.POSITIVE_INFINITY) {
    return {
      kind: 'permanent',
      code: 554,
      status: '5.4.6',
      reason: 'loop',
      text: `Mail for ${name} would come back to this server`,
    };
  }
  return unknownHost(550, '5.4.4', `No usable mail server for ${name}: ${problem?.text ?? 'no address'}`);
}

async function addressesOf(
  host: string,
  resolver: Resolver,
  { families = ['A', 'AAAA'], random = Math.random }: MxOptions,
): Promise<{ addresses: string[]; error: string | undefined }> {
  // An MX that is an address breaks RFC 5321 §5.1 and yet exists; resolvers would answer it strangely.
  if (isIP(host) !== 0) return { addresses: [], error: undefined };
  const answers = await Promise.all(
    families.map((type) => (type === 'A' ? resolver.a(host) : resolver.aaaa(host))),
  );
  const [first = [], second = []] = answers.map((answer) =>
    answer.kind === 'records' ? shuffle(answer.records, random) : [],
  );
  const failed = answers.find((answer) => answer.kind === 'temporary');
  return {
    addresses: interleave(first, second),
    error: failed?.kind === 'temporary' ? failed.error : undefined,
  };
}

/** user@[192.0.2.1] and user@[IPv6:2001:db8::1] (RFC 5321 §4.1.3) */
function literal(domain: string, options: MxOptions): MxOutcome {
  const address = /^\[(?:IPv6:)?([0-9A-Fa-f.:]+)\]$/i.exec(domain)?.[1] ?? '';
  if (isIP(address) === 0) return unknownHost(550, '5.1.2', `${domain} is not an address`);
  if (options.allowPrivate !== true && !isPublicAddress(address)) {
    return unknownHost(550, '5.4.4', `${domain} is not a public address`);
  }
  const host = canonicalAddress(address);
  return {
    kind: 'hosts',
    site: host,
    mxHosts: [host],
    hosts: [{ host, address, port: options.port ?? SMTP_PORT }],
  };
}

function unknownHost(code: number, status: string, text: string): MxOutcome {
  return { kind: 'permanent', code, status, reason: 'unknown-host', text };
}
