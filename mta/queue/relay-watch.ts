import { isIP } from 'node:net';
import type { Resolver } from '../routing/dns.ts';
import { checkRelay, DOWN_EVERY, type RelayCheck, RelayHealth } from '../routing/relay-health.ts';
import { relayHosts } from '../routing/routes.ts';
import type { LaneSource } from './lane.ts';
import type { LaneSources } from './lane-sources.ts';
import type { Outlets } from './outlets.ts';
import type { RelayState } from './relay-state.ts';

/** Sources that a relay is asked by before mail has shown which of them it lets in. */
const SOURCES = 4;

export interface RelayWatchParts {
  outlets: Outlets;
  sources: LaneSources;
  resolver: Resolver;
  /** ms to the next probe of servers that cannot be reached */
  probeDelay(): number;
}

/** Keeps an eye on the relays, and tells the queue what it sees. */
export class RelayWatch {
  readonly #parts: RelayWatchParts;
  readonly #health: RelayHealth<RelayState>;

  constructor(parts: RelayWatchParts) {
    this.#parts = parts;
    this.#health = new RelayHealth({
      relays: () => parts.outlets.routeRelays.real(),
      check: (relay) => this.#check(relay),
      checked: (relay, result, startedAt) => this.#checked(relay, result, startedAt),
    });
  }

  /** Call about once a second. `now`: monotonic ms. */
  tick(now: number): void {
    this.#health.tick(now, Math.min(DOWN_EVERY, this.#parts.probeDelay()));
  }

  /** The way that its mail goes: some relays let in nobody else. */
  async #check(relay: RelayState): Promise<RelayCheck> {
    const { resolver } = this.#parts;
    const { host } = relay;
    const hosts = await relayHosts({ id: relay.routeId, match: '*', relay: [host] }, resolver);
    let result: RelayCheck | undefined;
    for (const source of this.#sourcesFor(relay)) {
      const targets = hosts.filter(
        ({ address }) => source.address === '' || isIP(address) === isIP(source.address),
      );
      result = await checkRelay({
        targets,
        relay: host,
        ehloName: source.ehlo,
        localAddress: source.address,
      });
      if (!result.ok) continue;
      relay.via = source;
      break;
    }
    // Without a source that works nothing can be said of any relay.
    return result ?? { ok: false, error: '', unreachable: false, bindFailed: true };
  }

  #sourcesFor({ via }: RelayState): LaneSource[] {
    const { sources } = this.#parts;
    if (via && !via.failed && sources.get(via.address) === via) return [via];
    const named = [...sources].filter(({ address }) => address !== '');
    if (named.length === 0) return [sources.get('')!];
    return named.filter(({ failed }) => !failed).slice(0, SOURCES);
  }

  #checked(relay: RelayState, result: RelayCheck, startedAt: number): void {
    const now = performance.now();
    if (result.ok) {
      relay.up();
      return;
    }
    // It refuses one session more, or has answered mail meanwhile: that it works is plain.
    const works = relay.established > 0 && (!result.unreachable || relay.knownAt > startedAt);
    if (result.bindFailed || works) {
      relay.notChecked(now);
      return;
    }
    relay.down(result.error);
    const { outlets, probeDelay } = this.#parts;
    outlets.abandon(relay, result.error);
    if (outlets.routeRelays.of(relay.routeId)?.allDown) outlets.routeDied(relay.routeId, probeDelay());
  }
}
