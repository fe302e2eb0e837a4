import type { DnsAnswer, Resolver } from '../../mta/index.ts';
import type { DnsLookup } from './dns-check.ts';

/** The MTA's resolver as the check asks it. A name that does not exist is an empty answer, not an error. */
export function resolverLookup(resolver: Resolver): DnsLookup {
  return async (name, type) => {
    const answer = await ask(resolver, name, type);
    if (answer.kind === 'temporary') return { ok: false, problem: `${type} ${name}: ${answer.error}` };
    return { ok: true, values: answer.kind === 'records' ? answer.records : [] };
  };
}

async function ask(resolver: Resolver, name: string, type: Parameters<DnsLookup>[1]): Promise<DnsAnswer> {
  if (type === 'TXT') return resolver.txt(name);
  if (type === 'A') return resolver.a(name);
  if (type === 'AAAA') return resolver.aaaa(name);
  const answer = await resolver.mx(name);
  if (answer.kind !== 'records') return answer;
  return {
    ...answer,
    records: answer.records.map(({ preference, exchange }) => `${preference} ${exchange || '.'}`),
  };
}
