import type { Resolver } from '../routing/dns.ts';
import { resolveMx } from '../routing/mx.ts';
import { matchRoute, relayHosts } from '../routing/routes.ts';
import { decideTls, type TlsDiscovery, type TlsRequirement } from '../routing/tls-policy.ts';
import type { HostTarget, MxOutcome } from '../routing/types.ts';
import type { Profile, Profiles } from '../shaping/profiles.ts';
import type { Reason, Route, TlsRule } from '../types.ts';
import { RELAY_CONNECTIONS } from './relay-state.ts';

/** Everything about a site that its couriers need; `key` is what domains share. */
export interface SiteSpec {
  key: string;
  /** undefined: found by MX */
  routeId: number | undefined;
  /** the provider's limits and triggers; undefined for a route, where only the relays' own limits hold */
  profile: Profile | undefined;
  /** in the order to try, new for each connection */
  hosts(): Promise<HostTarget[]>;
  connections: number;
  /** messages per second, undefined: no limit (relays, sandbox) */
  ratePerSecond: number | undefined;
  newConnectionsPerMinute: number | undefined;
}

export type Destination =
  | {
      kind: 'site';
      spec: SiteSpec;
      /** of this domain: domains that share a site may differ in it */
      tls: TlsRequirement;
      provider: string;
      until: number;
    }
  | {
      kind: 'permanent';
      code: number;
      status: string;
      reason: Reason;
      text: string;
      provider: string;
      until: number;
    }
  | { kind: 'temporary'; text: string; provider: string; until: number };

/** MX sets are looked up again after this; the resolver caches by itself for as long as the records allow. */
const SITE_TTL = 5 * 60_000;
/** Look-ups at a time: a list with 100,000 domains would drown its resolver, and each lost answer makes a domain wait. */
const LOOKUPS = 100;

export interface DestinationOptions {
  routes: readonly Route[];
  resolver: Resolver;
  profiles: Profiles;
  /** names and addresses of this machine, so that mail never loops to itself (RFC 5321 §5.1) */
  selfNames: readonly string[];
  selfAddresses?: readonly string[] | undefined;
  /** ms to wait after a look-up that failed for now */
  probeDelay: number;
  tlsRules?: readonly TlsRule[] | undefined;
  /** what the domains themselves ask for, as far as the settings want to know */
  tlsDiscovery?: TlsDiscovery | undefined;
}

/** Domain → where its mail goes, by a route or by its MX. Answers are kept until `until`. */
export class Destinations {
  readonly #options: DestinationOptions;
  readonly #known = new Map<string, Destination>();
  readonly #running = new Map<string, Promise<Destination>>();
  #looking = 0;
  /** who waits for their turn, which few do (see `free`); the last comes first, which is cheap and does no harm */
  readonly #waiting: (() => void)[] = [];

  constructor(options: DestinationOptions) {
    this.#options = options;
  }

  /** What is known now, without waiting. */
  peek(domain: string, now: number): Destination | undefined {
    const found = this.#known.get(domain);
    if (found && found.until > now) return found;
    // A route needs no look-up: answer at once.
    const route = matchRoute(domain, this.#options.routes);
    if (!route?.relay?.length) return undefined;
    return this.#keep(domain, this.#byRoute(domain, route));
  }

  /** Bulk mail's look-up would begin at once. Thousands wait elsewhere, where they cost less than a promise each. */
  get free(): boolean {
    return this.#looking < LOOKUPS;
  }

  /** Looks it up; look-ups of one domain share one answer. `urgent` ones do not queue behind bulk mail's. Never rejects. */
  find(domain: string, urgent: boolean): Promise<Destination> {
    let running = urgent && this.#waiting.length > 0 ? undefined : this.#running.get(domain);
    if (!running) {
      running = this.#inTurn(domain, urgent)
        .then((destination) => this.#keep(domain, destination))
        .finally(() => this.#running.delete(domain));
      this.#running.set(domain, running);
    }
    return running;
  }

  async #inTurn(domain: string, urgent: boolean): Promise<Destination> {
    if (this.#looking >= LOOKUPS && !urgent)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#looking += 1;
    const destination = await this.#lookUp(domain);
    this.#looking -= 1;
    this.#waiting.pop()?.();
    return destination;
  }

  #keep(domain: string, destination: Destination): Destination {
    // Bounded: a list with a million domains must not stay in memory.
    if (this.#known.size > 50_000) this.#known.clear();
    this.#known.set(domain, destination);
    return destination;
  }

  /** Where an order sends it; undefined: there is no such route, or it leads to no relay. */
  byRouteId(domain: string, id: number): Destination | undefined {
    const route = this.#options.routes.find((each) => each.id === id);
    return route?.relay?.length ? this.#byRoute(domain, route) : undefined;
  }

  /** Look-ups that failed for now are tried again at once. */
  retryFailed(domain: string): void {
    if (this.#known.get(domain)?.kind === 'temporary') this.#known.delete(domain);
  }

  #byRoute(domain: string, route: Route): Destination {
    const relay = route.relay ?? [];
    return {
      kind: 'site',
      provider: this.#options.profiles.for({ domain, mxHosts: [] }).provider,
      until: Date.now() + SITE_TTL,
      tls: decideTls({ domain, relay, rules: this.#options.tlsRules ?? [] }),
      spec: {
        key: `route:${route.id}`,
        routeId: route.id,
        profile: undefined,
        hosts: () => relayHosts(route, this.#options.resolver, Math.random),
        connections: relay.reduce((sum, host) => sum + (host.connections ?? RELAY_CONNECTIONS), 0),
        ratePerSecond: undefined,
        newConnectionsPerMinute: undefined,
      },
    };
  }

  async #lookUp(domain: string): Promise<Destination> {
    const {
      resolver,
      profiles,
      selfNames,
      selfAddresses,
      probeDelay,
      tlsRules = [],
      tlsDiscovery,
    } = this.#options;
    // A route that names the domain may lead to a mail server inside the company; `*` is no such word.
    const route = matchRoute(domain, this.#options.routes);
    const allowPrivate = route !== undefined && route.match !== '*';
    const resolve = (): Promise<MxOutcome> =>
      resolveMx(domain, resolver, { selfNames, selfAddresses, allowPrivate });
    const outcome = await resolve().catch(
      (error: unknown): MxOutcome => ({
        kind: 'temporary',
        text: `look-up of ${domain} failed: ${String(error)}`,
      }),
    );
    if (outcome.kind === 'hosts') {
      const profile = profiles.for({ domain, mxHosts: outcome.mxHosts });
      // A rule comes before what the domain asks for, so nothing needs to be asked then.
      const asked = matchRoute(domain, tlsRules) ? undefined : await tlsDiscovery?.(domain, allowPrivate);
      const now = Date.now();
      if (asked?.kind === 'temporary')
        return { ...asked, provider: profile.provider, until: now + probeDelay };
      return {
        kind: 'site',
        provider: profile.provider,
        until: now + SITE_TTL,
        tls: decideTls({
          domain,
          mxHosts: outcome.mxHosts,
          rules: tlsRules,
          tlsRequired: profile.tlsRequired,
          ...asked,
        }),
        spec: {
          key: `mx:${outcome.site}`,
          routeId: undefined,
          profile,
          // Equals are shuffled anew for every connection (RFC 5321 §5.1).
          hosts: async () => {
            const again = await resolve();
            return again.kind === 'hosts' ? again.hosts : outcome.hosts;
          },
          connections: profile.connections,
          ratePerSecond: profile.ratePerSecond,
          newConnectionsPerMinute: profile.newConnectionsPerMinute,
        },
      };
    }
    const { provider } = profiles.for({ domain, mxHosts: [] });
    const now = Date.now();
    return outcome.kind === 'permanent'
      ? { ...outcome, provider, until: now + SITE_TTL }
      : { ...outcome, provider, until: now + probeDelay };
  }
}
