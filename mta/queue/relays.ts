import type { HostTarget } from '../routing/types.ts';
import type { RelayHost, RelayStatus, Route } from '../types.ts';
import { RateLimit } from './rate-limit.ts';
import { Throughput } from './throughput.ts';

/** Parallel connections of a relay whose route says nothing else. */
export const RELAY_CONNECTIONS = 20;
/** It only bounds how long one connection lives. */
export const RELAY_MESSAGES = 1000;

/** One relay host of a route: its own limits, and how it is. */
export class RelayState {
  readonly routeId: number;
  host: RelayHost;
  state: RelayStatus['state'] = 'unknown';
  /** epoch ms of the last change of state */
  since: number;
  error = '';
  /** epoch ms of the last connection or try */
  checkedAt: number | null = null;
  connections = 0;
  readonly rate: RateLimit;
  readonly throughput = new Throughput();

  constructor(routeId: number, host: RelayHost, now: number) {
    this.routeId = routeId;
    this.host = host;
    this.since = now;
    this.rate = new RateLimit(host.ratePerSecond, 1000);
  }

  update(host: RelayHost): void {
    this.host = host;
    this.rate.set(host.ratePerSecond, 1000);
  }

  get full(): boolean {
    return this.connections >= (this.host.connections ?? RELAY_CONNECTIONS);
  }

  get messages(): number {
    return this.host.messagesPerConnection ?? RELAY_MESSAGES;
  }

  up(now: number): void {
    this.#now('up', '', now);
  }

  down(error: string, now: number): void {
    this.#now('down', error, now);
  }

  #now(state: 'up' | 'down', error: string, now: number): void {
    if (this.state !== state) this.since = now;
    this.state = state;
    this.error = error;
    this.checkedAt = now;
  }

  status(now: number): RelayStatus {
    const { routeId, state, since, error, checkedAt, connections } = this;
    const { host, port } = this.host;
    return {
      routeId,
      host,
      port,
      state,
      since,
      error,
      checkedAt,
      connections,
      perSecond: this.throughput.perSecond(now),
    };
  }
}

/** All relay hosts that the routes name. What is known of one outlives a change of settings. */
export class Relays {
  #states = new Map<string, RelayState>();

  apply(routes: readonly Route[]): void {
    const before = this.#states;
    this.#states = new Map();
    for (const route of routes)
      for (const host of route.relay ?? []) {
        const key = keyOf(route.id, host);
        const state = before.get(key) ?? new RelayState(route.id, host, Date.now());
        state.update(host);
        this.#states.set(key, state);
      }
  }

  of(routeId: number, { relay, host, port }: HostTarget): RelayState {
    const named = relay ?? { host, port };
    const key = keyOf(routeId, named);
    let state = this.#states.get(key);
    if (!state) {
      // A route that was just removed: its last connections still count.
      state = new RelayState(routeId, named, Date.now());
      this.#states.set(key, state);
    }
    return state;
  }

  /** Another host of the route that is not known to be down. */
  another(than: RelayState): boolean {
    for (const state of this.#states.values())
      if (state !== than && state.routeId === than.routeId && state.state !== 'down') return true;
    return false;
  }

  /** Every host of the route is down. */
  allDown(routeId: number): boolean {
    let any = false;
    for (const state of this.#states.values()) {
      if (state.routeId !== routeId) continue;
      if (state.state !== 'down') return false;
      any = true;
    }
    return any;
  }

  [Symbol.iterator](): Iterator<RelayState> {
    return this.#states.values();
  }
}

const keyOf = (routeId: number, { host, port }: { host: string; port: number }): string =>
  `${routeId} ${host} ${port}`;
