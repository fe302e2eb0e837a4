import { createResolver } from '../routing/dns.ts';
import { type MxOptions, resolveMx } from '../routing/mx.ts';
import type { MxOutcome } from '../routing/types.ts';
import { type DnsServer, startDnsServer, type Zone } from './dns-server.ts';

/** 0.999… leaves the order of a shuffle as it is. */
const KEEP = (): number => 0.999999;

export interface Lookup {
  outcome: MxOutcome;
  /** what the DNS was asked, such as 'MX example.test' */
  queries: string[];
}

/** Where a zone sends mail for a domain, asked of a DNS server that knows this zone alone. `failing`: names whose questions fail. */
export async function lookUp(
  zone: Zone,
  domain: string,
  options: MxOptions = {},
  more: { chase?: boolean; failing?: Record<string, 'SERVFAIL' | 'REFUSED' | 'timeout'> } = {},
): Promise<Lookup> {
  const server: DnsServer = await startDnsServer(zone, { chase: more.chase ?? true });
  for (const [name, failure] of Object.entries(more.failing ?? {})) server.failures.set(name, failure);
  const resolver = createResolver({ servers: [server.address], timeoutMs: 200, tries: 1 });
  try {
    const outcome = await resolveMx(domain, resolver, { random: KEEP, ...options });
    return { outcome, queries: server.queries };
  } finally {
    resolver.close();
    await server.stop();
  }
}

/** 'host address' of each target, in the order to try. */
export async function targets(...question: Parameters<typeof lookUp>): Promise<string[]> {
  const { outcome } = await lookUp(...question);
  if (outcome.kind !== 'hosts') throw new Error(JSON.stringify(outcome));
  return outcome.hosts.map(({ host, address, port }) => `${host} ${address}${port === 25 ? '' : `:${port}`}`);
}
