import type { Resolver } from '../routing/dns.ts';
import type { Sources } from '../routing/sources.ts';
import { createProfiles } from '../shaping/profiles.ts';
import type { DeliverySettings, Route } from '../types.ts';
import type { Composer } from './composer.ts';
import { Destinations } from './destinations.ts';
import type { Gate } from './gate.ts';
import type { LaneSources } from './lane-sources.ts';
import type { Orders } from './orders.ts';
import type { Outlets } from './outlets.ts';
import type { Placer } from './placer.ts';
import { Pools } from './pools.ts';
import type { SessionOpener } from './session-opener.ts';
import type { Shaping } from './shaping.ts';
import type { Tls } from './tls.ts';

/** ms between probes of a site that is dead or a domain whose look-up fails (DELIVERY.md: one probe after 5 min) */
const PROBE = 300_000;

export interface ConfigurationParts {
  resolver: Resolver;
  sandboxPort: number;
  composer: Composer;
  gate: Gate;
  tls: Tls;
  laneSources: LaneSources;
  sources: Sources;
  shaping: Shaping;
  outlets: Outlets;
  placer: Placer;
  orders: Orders;
  onError(what: string, error: unknown): void;
}

/** Brings new delivery settings to all whom they concern. */
export class Configuration {
  readonly #parts: ConfigurationParts;
  #opener: SessionOpener | undefined;

  constructor(parts: ConfigurationParts) {
    this.#parts = parts;
  }

  /** Of the settings as they are; there is no courier before the first. */
  get opener(): SessionOpener {
    return this.#opener!;
  }

  /** ms to the next probe of servers that cannot be reached */
  get probeDelay(): number {
    return Math.min(PROBE, (this.#parts.gate.settings?.retry.first ?? 900) * 1000);
  }

  /** Settings that differ, as JSON: connections end after what they have in flight, and everything is found anew. */
  use(text: string): void {
    try {
      this.#apply(JSON.parse(text) as DeliverySettings);
    } catch (error) {
      this.#parts.onError('the new delivery settings cannot be used; the old ones stay', error);
    }
  }

  #apply(settings: DeliverySettings): void {
    const { composer, gate, tls, laneSources, shaping, outlets, placer, orders, resolver } = this.#parts;
    // First, as a key that cannot be read throws.
    composer.use(settings);
    gate.settings = settings;
    const { pools = [] } = settings;
    const { tlsRules, tlsDiscovery, opener } = tls.apply(settings);
    this.#opener = opener;
    laneSources.apply(pools, settings.ehloName);
    void this.#parts.sources.configure(pools);
    const sources = pools.flatMap((pool) => pool.sources);
    for (const { address } of sources) laneSources.found(address, this.#parts.sources.usable(address));
    shaping.apply(settings);
    const routes = this.#routes(settings);
    outlets.reset(routes);
    placer.apply(
      new Destinations({
        routes,
        resolver,
        profiles: createProfiles(settings.shaping),
        selfNames: [settings.ehloName, ...sources.map(({ ehlo }) => ehlo)],
        selfAddresses: sources.map(({ address }) => address),
        probeDelay: this.probeDelay,
        tlsRules,
        tlsDiscovery,
      }),
      new Pools(settings),
    );
    orders.read();
  }

  #routes(settings: DeliverySettings): Route[] {
    // Safe until told otherwise: in sandbox mode nothing else can be reached, whatever routes there are.
    if (settings.mode === 'live') return settings.routes;
    return [
      {
        id: 0,
        match: '*',
        relay: [{ host: '127.0.0.1', port: this.#parts.sandboxPort, tls: 'none', connections: 20 }],
      },
    ];
  }
}
