/** Questions for which it matters whether the resolver has validated the answer (DNSSEC). */
import { getServers } from 'node:dns';
import type * as packets from 'dns-packet';
import { type DnsServerAddress, exchange, parseServer } from './dns-exchange.ts';

/**
 * `secure` is the AD bit: the resolver has validated the answer, or that there is none. It counts because only the resolvers
 * that the administrator has named are asked, so the way to them must be one's own (RFC 7672 §2.1.1).
 */
export type SecureAnswer<T> =
  | {
      kind: 'records';
      records: T[];
      /** where the CNAMEs led; the name itself without one */
      name: string;
      secure: boolean;
    }
  /** no such name, or nothing of this type there */
  | { kind: 'none'; secure: boolean }
  /** SERVFAIL (which is also what a forged answer becomes), timeout…: `error` names it */
  | { kind: 'temporary'; error: string };

export interface TlsaRecord {
  usage: number;
  selector: number;
  matchingType: number;
  data: Buffer;
}

/** Never rejects. */
export interface SecureResolver {
  /** only whether, and how surely: the records are the resolver's in dns.ts */
  mx(name: string): Promise<SecureAnswer<unknown>>;
  a(name: string): Promise<SecureAnswer<unknown>>;
  aaaa(name: string): Promise<SecureAnswer<unknown>>;
  cname(name: string): Promise<SecureAnswer<unknown>>;
  tlsa(name: string): Promise<SecureAnswer<TlsaRecord>>;
  /** Does it validate? Asks for the root's own records, which are signed; undefined: it does not answer. */
  validates(): Promise<boolean | undefined>;
}

export interface SecureResolverOptions {
  /** as for createResolver */
  servers: readonly string[];
  /** ms for each try, default 3000 */
  timeoutMs?: number | undefined;
  /** for each server, default 2 */
  tries?: number | undefined;
  /** answers kept, default 20,000 */
  cacheSize?: number | undefined;
  now?: (() => number) | undefined;
}

const MIN_TTL = 1;
const MAX_TTL = 3600;
const NEGATIVE_TTL = 60;

export function createSecureResolver(options: SecureResolverOptions): SecureResolver {
  const { timeoutMs = 3000, tries = 2, cacheSize = 20_000, now = Date.now } = options;
  const cache = new Map<string, { answer: SecureAnswer<unknown>; until: number }>();
  const running = new Map<string, Promise<SecureAnswer<unknown>>>();
  // The system's may change while we run (DHCP).
  const servers = (): DnsServerAddress[] =>
    (options.servers.length > 0 ? options.servers : getServers()).map(parseServer);

  async function query(type: string, name: string): Promise<{ answer: SecureAnswer<unknown>; ttl: number }> {
    let error = 'no resolver is configured';
    for (let round = 0; round < tries; round += 1) {
      for (const server of servers()) {
        try {
          const packet = await exchange(type, name, server, timeoutMs);
          if (packet.rcode === 'NOERROR' || packet.rcode === 'NXDOMAIN') return read(type, name, packet);
          error = packet.rcode;
        } catch (failure) {
          const { code, message } = failure as NodeJS.ErrnoException;
          error = code ?? message;
        }
      }
    }
    return { answer: { kind: 'temporary', error }, ttl: 0 };
  }

  function ask(type: string, name: string): Promise<SecureAnswer<unknown>> {
    const key = `${type} ${name.toLowerCase()}`;
    const known = cache.get(key);
    if (known !== undefined && known.until > now()) return Promise.resolve(known.answer);
    let asked = running.get(key);
    if (asked === undefined) {
      asked = query(type, name).then(({ answer, ttl }) => {
        running.delete(key);
        cache.delete(key);
        if (cache.size >= cacheSize) cache.delete(cache.keys().next().value!);
        if (ttl > 0) cache.set(key, { answer, until: now() + ttl * 1000 });
        return answer;
      });
      running.set(key, asked);
    }
    return asked;
  }

  return {
    mx: (name) => ask('MX', name),
    a: (name) => ask('A', name),
    aaaa: (name) => ask('AAAA', name),
    cname: (name) => ask('CNAME', name),
    tlsa: (name) => ask('TLSA', name) as Promise<SecureAnswer<TlsaRecord>>,
    async validates() {
      // Asked anew: an administrator who has changed the resolver wants to see it.
      const { answer } = await query('NS', '.');
      return answer.kind === 'temporary' ? undefined : answer.secure;
    },
  };
}

/** The records of the asked type at the end of the CNAMEs. */
function read(
  type: string,
  asked: string,
  { answers = [], flag_ad: secure }: packets.Decoded,
): { answer: SecureAnswer<unknown>; ttl: number } {
  let name = asked.toLowerCase();
  let ttl = MAX_TTL;
  if (type !== 'CNAME') {
    for (let hop = 0; hop < answers.length; hop += 1) {
      const alias = answers.find((each) => each.type === 'CNAME' && sameName(each.name, name));
      if (alias === undefined) break;
      name = String(alias.data).toLowerCase();
      ttl = Math.min(ttl, alias.ttl ?? 0);
    }
  }
  const found = answers.filter((each) => each.type === type && sameName(each.name, name));
  if (found.length === 0) return { answer: { kind: 'none', secure }, ttl: NEGATIVE_TTL };
  for (const each of found) ttl = Math.min(ttl, each.ttl ?? 0);
  const records = found.map(({ data }) => (type === 'TLSA' ? tlsaRecord(data) : data));
  return {
    answer: { kind: 'records', records, name: name.replace(/\.$/, ''), secure },
    // A TTL of 0 still serves the burst of questions of one moment.
    ttl: Math.max(ttl, MIN_TTL),
  };
}

function tlsaRecord(data: unknown): TlsaRecord {
  const { usage, selector, matchingType, certificate } = data as Omit<TlsaRecord, 'data'> & {
    certificate: Buffer;
  };
  return { usage, selector, matchingType, data: certificate };
}

const sameName = (a: string, b: string): boolean =>
  a.toLowerCase().replace(/\.$/, '') === b.replace(/\.$/, '');
