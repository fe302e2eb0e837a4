import type { DnsAnswer, Resolver } from '../../mta/index.ts';

export type LookupType = 'TXT' | 'MX' | 'A' | 'AAAA' | 'CNAME' | 'PTR';

/**
 * `values`: TXT strings joined per record, MX as `10 host` (the null MX as `0 .`), names in lower case without final dot,
 * addresses; empty when the name or type does not exist. PTR is asked for an address. `problem`: `timeout` or the DNS error's name.
 */
export type DnsLookup = (
  name: string,
  type: LookupType,
) => Promise<{ ok: true; values: string[] } | { ok: false; problem: string }>;

/** The MTA's resolver as the check asks it. A name that does not exist is an empty answer, not an error. */
export function resolverLookup(resolver: Resolver): DnsLookup {
  return async (name, type) => {
    const answer = await ask(resolver, name, type);
    if (answer.kind === 'temporary')
      return { ok: false, problem: answer.error === 'TIMEOUT' ? 'timeout' : answer.error };
    return { ok: true, values: answer.kind === 'records' ? answer.records : [] };
  };
}

async function ask(resolver: Resolver, name: string, type: LookupType): Promise<DnsAnswer> {
  switch (type) {
    case 'TXT':
      return resolver.txt(name);
    case 'A':
      return resolver.a(name);
    case 'AAAA':
      return resolver.aaaa(name);
    case 'CNAME':
      return names(await resolver.cname(name));
    case 'PTR':
      return names(await resolver.ptr(name));
    case 'MX': {
      const answer = await resolver.mx(name);
      if (answer.kind !== 'records') return answer;
      return {
        ...answer,
        records: answer.records.map(({ preference, exchange }) => `${preference} ${exchange || '.'}`),
      };
    }
  }
}

function names(answer: DnsAnswer): DnsAnswer {
  if (answer.kind !== 'records') return answer;
  return { ...answer, records: answer.records.map((name) => name.toLowerCase().replace(/\.$/, '')) };
}
