import type { HostTarget } from '../routing/types.ts';
import type { RelayHost, Route, WaitReason } from '../types.ts';
import { type RelayEvents, RelayState } from './relay-state.ts';
import { Sharing } from './sharing.ts';

/** ms for a mail, and how many times the quickest relay's: one that needs longer holds up none of the others */
const SLOW = 100;
const SLOWER = 4;

/** The relays of one route: which of them mail goes to. */
export class RouteRelays {
  #all: RelayState[] = [];
  #sharing = new Sharing<RelayState>([]);
  /** those that mail goes to now: all with a weight that are not down, else the spares, else all */
  #serving: readonly RelayState[] = [];

  get all(): readonly RelayState[] {
    return this.#all;
  }

  get serving(): readonly RelayState[] {
    return this.#serving;
  }

  /** The route's hosts as the settings name them now. */
  set(states: RelayState[]): void {
    this.#all = [...new Set(states)];
    // Other weights begin anew: what was sent under the old ones is no debt.
    for (const state of states) state.taken = 0;
    this.regroup();
  }

  /** One is up or down now. */
  regroup(): void {
    const usable = this.#all.filter(({ state }) => state !== 'down');
    const weighted = usable.filter(({ spare }) => !spare);
    const serving = weighted.length > 0 ? weighted : usable.length > 0 ? usable : this.#all;
    this.#serving = serving;
    this.#sharing = new Sharing(serving);
  }

  find({ host, port }: Pick<RelayHost, 'host' | 'port'>): RelayState | undefined {
    return this.#all.find((state) => state.host.host === host && state.host.port === port);
  }

  get allDown(): boolean {
    return this.#all.length > 0 && this.#all.every(({ state }) => state === 'down');
  }

  /** Another one takes mail. */
  another(than: RelayState): boolean {
    return this.#all.some((state) => state !== than && state.state !== 'down');
  }

  /** Mail may go to it now: it is neither down nor a spare whose time is over. */
  serves(relay: RelayState): boolean {
    return this.#serving.includes(relay);
  }

  /** It has had its share for now: another's turn. */
  waits(relay: RelayState, now: number): boolean {
    return this.#sharing.waits(relay, now);
  }

  /** It has taken a mail; answers whether another one has waited for that. */
  count(relay: RelayState, now: number): boolean {
    return this.#sharing.count(relay, now);
  }

  /** It has given a mail its verdict after `ms`. */
  answered(relay: RelayState, ms: number, now: number): void {
    relay.answered(ms, now);
    let quickest = Number.POSITIVE_INFINITY;
    for (const { pace } of this.#serving) if (pace > 0 && pace < quickest) quickest = pace;
    relay.lagging = relay.pace > SLOW && relay.pace > SLOWER * quickest;
  }

  /** Why no further connection may be opened; undefined: one may. Bulk mail leaves the last one to mail that cannot wait. */
  block(urgent: boolean, now: number): WaitReason | undefined {
    let limit = 0;
    let free = 0;
    let may = false;
    for (const relay of this.#serving) {
      limit += relay.limit;
      free += Math.max(0, relay.limit - relay.connections);
      may ||= !relay.full && (urgent || relay.mayTake(this.#serving, now));
    }
    if (!may) return 'connection-limit';
    return free === 1 && !urgent && limit >= 2 ? 'reserved' : undefined;
  }

  /** All connections are in use, so that the last one is for mail that cannot wait. */
  get beyondBulk(): boolean {
    const limit = this.#serving.reduce((sum, relay) => sum + relay.limit, 0);
    return limit >= 2 && this.#serving.every((relay) => relay.full);
  }

  /** Where a new connection is to be tried, in order: first the relay that is furthest behind its share. */
  candidates(targets: readonly HostTarget[], urgent: boolean, now: number): HostTarget[] {
    // A connection that has just been opened will carry mail, too; the half makes it smooth (Webster).
    const due = ({ taken, connections, weight }: RelayState): number => (taken + connections + 0.5) / weight;
    return targets
      .map((target) => ({ target, relay: this.find(target.relay ?? target) }))
      .filter(
        (each): each is { target: HostTarget; relay: RelayState } =>
          each.relay !== undefined &&
          this.serves(each.relay) &&
          !each.relay.full &&
          (urgent || each.relay.mayTake(this.#serving, now)),
      )
      .sort((a, b) => due(a.relay) - due(b.relay))
      .map(({ target }) => target);
  }
}

/** All relay hosts that the routes name. What is known of one outlives a change of settings. */
export class Relays {
  #routes = new Map<number, RouteRelays>();
  readonly #events: RelayEvents;

  /** `changed`: a relay is up now, or down */
  constructor(events: RelayEvents = { changed: () => {} }) {
    this.#events = {
      changed: (relay) => {
        this.#routes.get(relay.routeId)?.regroup();
        events.changed(relay);
      },
    };
  }

  apply(routes: readonly Route[]): void {
    const before = this.#routes;
    this.#routes = new Map();
    for (const { id, relay: hosts } of routes) {
      if (!hosts?.length) continue;
      const known = before.get(id);
      const route = new RouteRelays();
      route.set(
        hosts.map((host) => {
          const state = known?.find(host) ?? new RelayState(id, host, performance.now(), this.#events);
          state.update(host);
          return state;
        }),
      );
      this.#routes.set(id, route);
    }
  }

  /** undefined: no such route, or it leads to no relay */
  of(routeId: number): RouteRelays | undefined {
    return this.#routes.get(routeId);
  }

  /** Without the sandbox, which is our own and always there. */
  *real(): Generator<RelayState> {
    for (const relay of this) if (relay.routeId > 0) yield relay;
  }

  *[Symbol.iterator](): Generator<RelayState> {
    for (const { all } of this.#routes.values()) yield* all;
  }
}
