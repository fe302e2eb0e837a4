import { promises as dns } from 'node:dns';
import { reverseName } from './address.ts';

/** What the DNS says. Only `temporary` is worth asking again soon. */
export type DnsAnswer<T = string> =
  | {
      kind: 'records';
      records: T[];
      /** seconds; 0 where the resolver does not tell */
      ttl: number;
    }
  /** there is no such name */
  | { kind: 'nxdomain' }
  /** the name exists, without records of this type */
  | { kind: 'nodata' }
  /** no answer: timeout, SERVFAIL, refusal… `error` is its name */
  | { kind: 'temporary'; error: string };

export interface MxRecord {
  preference: number;
  /** lower case, without the final dot; '' is the null MX (RFC 7505) */
  exchange: string;
}

/** Answers are shared and cached: treat them as read-only. Names are A-labels; none of these ever rejects. */
export interface Resolver {
  mx(name: string): Promise<DnsAnswer<MxRecord>>;
  a(name: string): Promise<DnsAnswer>;
  aaaa(name: string): Promise<DnsAnswer>;
  /** the strings of a record joined */
  txt(name: string): Promise<DnsAnswer>;
  cname(name: string): Promise<DnsAnswer>;
  /** names of an IP address */
  ptr(address: string): Promise<DnsAnswer>;
  /** Ends what is being asked (answers `temporary`) and forgets what is known. */
  close(): void;
}

export interface ResolverOptions {
  /** ip or ip:port ([v6]:port); empty: those of the system */
  servers: readonly string[];
  /** ms for the first try; c-ares doubles it for each further one. Default 3000 */
  timeoutMs?: number | undefined;
  /** for each server, default 2 */
  tries?: number | undefined;
  /** answers kept, default 20,000 */
  cacheSize?: number | undefined;
  /** ms; injectable for tests */
  now?: (() => number) | undefined;
}

/** Node does not pass on the TTL of MX and the like: short enough for a change of provider, long enough for a campaign. */
const UNKNOWN_TTL = 300;
const NEGATIVE_TTL = 60;
const MAX_TTL = 3600;

/** An in-process cache in front of c-ares; equal questions that are being asked share one query. */
export function createResolver(options: ResolverOptions): Resolver {
  const { timeoutMs = 3000, tries = 2, cacheSize = 20_000, now = Date.now } = options;
  const asker = new dns.Resolver({ timeout: timeoutMs, tries });
  if (options.servers.length > 0) asker.setServers(options.servers);
  const cache = new Map<string, { answer: DnsAnswer<unknown>; until: number }>();
  const running = new Map<string, Promise<DnsAnswer<unknown>>>();

  function ask<T>(
    type: string,
    name: string,
    query: () => Promise<{ records: T[]; ttl: number }>,
  ): Promise<DnsAnswer<T>> {
    const key = `${type} ${name.toLowerCase()}`;
    const known = cache.get(key);
    if (known !== undefined && known.until > now()) return Promise.resolve(known.answer as DnsAnswer<T>);
    const asked = running.get(key);
    if (asked !== undefined) return asked as Promise<DnsAnswer<T>>;
    const answer = query()
      .then(
        ({ records, ttl }): DnsAnswer<T> =>
          records.length === 0 ? { kind: 'nodata' } : { kind: 'records', records, ttl },
      )
      .catch((error: NodeJS.ErrnoException): DnsAnswer<T> => negative(error))
      .then((result) => {
        running.delete(key);
        remember(key, result);
        return result;
      });
    running.set(key, answer);
    return answer;
  }

  function remember(key: string, answer: DnsAnswer<unknown>): void {
    // A failure is not knowledge: whoever asks again decides when.
    if (answer.kind === 'temporary') return;
    const ttl = answer.kind === 'records' ? Math.min(answer.ttl || UNKNOWN_TTL, MAX_TTL) : NEGATIVE_TTL;
    cache.delete(key);
    // A Map keeps the order of insertion: the first key is the oldest.
    if (cache.size >= cacheSize) cache.delete(cache.keys().next().value!);
    cache.set(key, { answer, until: now() + ttl * 1000 });
  }

  const unknownTtl = <T>(records: T[]) => ({ records, ttl: UNKNOWN_TTL });
  const addresses = (records: { address: string; ttl: number }[]) => ({
    records: records.map(({ address }) => address),
    // A TTL of 0 still serves the burst of questions of one moment.
    ttl: Math.max(1, Math.min(...records.map(({ ttl }) => ttl))),
  });
  return {
    mx: (name) =>
      ask('MX', name, async () =>
        unknownTtl(
          (await asker.resolveMx(name)).map(({ priority, exchange }) => ({
            preference: priority,
            exchange: exchange.toLowerCase().replace(/\.$/, ''),
          })),
        ),
      ),
    a: (name) => ask('A', name, async () => addresses(await asker.resolve4(name, { ttl: true }))),
    aaaa: (name) => ask('AAAA', name, async () => addresses(await asker.resolve6(name, { ttl: true }))),
    txt: (name) =>
      ask('TXT', name, async () =>
        unknownTtl((await asker.resolveTxt(name)).map((strings) => strings.join(''))),
      ),
    cname: (name) => ask('CNAME', name, async () => unknownTtl(await asker.resolveCname(name))),
    // Not `reverse`: that looks into /etc/hosts first, and says of a server that fails that there is no name.
    ptr: (address) =>
      ask('PTR', address, async () => unknownTtl(await asker.resolvePtr(reverseName(address)))),
    close() {
      asker.cancel();
      cache.clear();
    },
  };
}

function negative(error: NodeJS.ErrnoException): DnsAnswer<never> {
  switch (error.code) {
    case dns.NOTFOUND:
    // A name that cannot be asked for (empty or overlong labels) cannot exist.
    case dns.BADNAME:
      return { kind: 'nxdomain' };
    case dns.NODATA:
      return { kind: 'nodata' };
    default:
      return { kind: 'temporary', error: error.code?.replace(/^E/, '') ?? error.message };
  }
}
