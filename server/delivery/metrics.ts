/** Delivery for Prometheus. Labels come from bounded sets: named reasons, providers, configured sources and relays. Never a domain. */
import { Gauge, type Registry } from 'prom-client';
import { MTA_PROBLEMS, WAIT_REASONS } from '../../mta/index.ts';
import type { Deps } from '../deps.ts';
import { queues } from './queues.ts';
import type { Queues } from './schemas.ts';

/** ms: a scrape asks for a dozen gauges at once, and looks once */
const FRESH = 500;
/** sources and relays that are told apart at most */
const MAX_NAMED = 200;

type Samples = Iterable<readonly [labels: Record<string, string>, value: number]>;

export function deliveryMetrics(registry: Registry, deps: Pick<Deps, 'db' | 'spool' | 'mta'>): void {
  let seen: { at: number; view: Promise<Queues> } | undefined;
  const look = (): Promise<Queues> => {
    const now = performance.now();
    if (!seen || now - seen.at > FRESH) seen = { at: now, view: queues(deps) };
    return seen.view;
  };
  const gauge = (name: string, help: string, labelNames: string[], read: (view: Queues) => Samples): void => {
    new Gauge({
      name: `todoke_${name}`,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        const view = await look();
        // What is gone must not stay at its last value.
        this.reset();
        for (const [labels, value] of read(view)) this.set(labels, value);
      },
    });
  };

  gauge(
    'queue_waiting_messages',
    'Mails in the queue by the reason why they wait; of the biggest queues, without the long tail of domains',
    ['reason'],
    ({ items }) => count(WAIT_REASONS, 'reason', items, (line) => [line.waiting, line.queued]),
  );
  gauge('sites', 'Pairs of site and source that have mail, by what they wait for', ['reason'], ({ sites }) =>
    count(WAIT_REASONS, 'reason', sites, (site) => [site.waiting, 1]),
  );
  gauge('throttles', 'Automatic back-offs that hold, by kind', ['kind'], ({ throttles }) =>
    count(['suspend', 'rate', 'connections', 'sending-domain'], 'kind', throttles, ({ kind }) => [kind, 1]),
  );
  gauge('problems', 'What an administrator must look after, by code', ['code'], ({ problems }) =>
    count(MTA_PROBLEMS, 'code', problems, ({ code }) => [code, 1]),
  );

  gauge('provider_queue_messages', 'Mails in the queue by provider', ['provider'], ({ providers }) =>
    providers.map(({ provider, queued }) => [{ provider }, queued]),
  );
  gauge('provider_connections', 'Open connections by provider', ['provider'], ({ providers }) =>
    providers.map(({ provider, connections }) => [{ provider }, connections]),
  );
  gauge(
    'provider_settled_per_second',
    'Mails settled per second by provider',
    ['provider'],
    ({ providers }) => providers.map(({ provider, perSecond }) => [{ provider }, perSecond]),
  );

  gauge('source_up', '1 while the address can be bound', ['address'], ({ sources }) =>
    sources.slice(0, MAX_NAMED).map(({ address, state }) => [{ address }, state === 'ok' ? 1 : 0]),
  );
  gauge('source_connections', 'Open connections by address', ['address'], ({ sources }) =>
    sources.slice(0, MAX_NAMED).map(({ address, connections }) => [{ address }, connections]),
  );
  gauge(
    'relay_up',
    '1 while the relay answers, 0 while it does not; absent while nobody knows',
    ['route', 'relay'],
    ({ relays }) =>
      relays
        .slice(0, MAX_NAMED)
        .filter(({ state }) => state !== 'unknown')
        .map(({ routeId, host, port, state }) => [
          { route: String(routeId), relay: `${host}:${port}` },
          state === 'up' ? 1 : 0,
        ]),
  );
}

/** Every label has its value, 0 included: an alert on a series that is absent would never end. */
function count<T, L extends string>(
  labels: readonly L[],
  name: string,
  items: readonly T[],
  read: (item: T) => [label: L, value: number],
): Samples {
  const sums = new Map<L, number>(labels.map((label) => [label, 0]));
  for (const item of items) {
    const [label, value] = read(item);
    sums.set(label, (sums.get(label) ?? 0) + value);
  }
  return [...sums].map(([label, value]) => [{ [name]: label }, value] as const);
}
