import type { WaitReason } from '../types.ts';
import type { Courier } from './courier.ts';
import { RateLimit } from './rate-limit.ts';
import type { Site } from './site.ts';

/** A limit that several lanes share: a provider's over all its sites and sources, or a route's over all its sources. */
export class Cap {
  /** what mail waits for when it is reached */
  readonly reason: Extract<WaitReason, 'provider-limit' | 'connection-limit'>;
  connections: number;
  readonly rate: RateLimit;
  readonly couriers = new Set<Courier>();
  /** sites that had work and got no connection; told when one ends */
  readonly waiting = new Set<Site>();

  constructor(reason: Cap['reason'], connections: number, ratePerSecond: number | undefined) {
    this.reason = reason;
    this.connections = connections;
    this.rate = new RateLimit(ratePerSecond, 1000);
  }

  /** New limits; who is connected stays counted. */
  set(connections: number, ratePerSecond: number | undefined): void {
    this.connections = connections;
    this.rate.set(ratePerSecond, 1000);
  }

  /** Why there is no further connection; undefined: there may be one. The last of two or more is kept for mail that cannot wait. */
  block(urgent: boolean): WaitReason | undefined {
    const free = this.connections - this.couriers.size;
    if (free <= 0) return this.reason;
    return free === 1 && !urgent && this.connections >= 2 ? 'reserved' : undefined;
  }

  /** Bulk mail has filled the slot that is kept. */
  get beyondBulk(): boolean {
    return this.connections >= 2 && this.couriers.size >= this.connections;
  }
}

/**
 * What a provider's replies have brought about for all its sites over one source together, where it counts by source and not by site
 * (`providerWide`). Without a back-off it limits nothing, and only knows who is connected.
 */
export class Brake extends Cap {
  #perMinute: number | undefined;

  constructor() {
    super('connection-limit', Number.POSITIVE_INFINITY, undefined);
  }

  /** undefined: no limit. `now`: monotonic ms */
  hold(perMinute: number | undefined, connections: number | undefined, now: number): void {
    const limit = connections ?? Number.POSITIVE_INFINITY;
    const fewer = limit < this.connections;
    this.set(limit, perMinute === undefined ? undefined : perMinute / 60);
    // The mail whose reply began it was the first one.
    if (perMinute !== undefined && this.#perMinute === undefined) this.rate.take(now);
    this.#perMinute = perMinute;
    if (fewer) endSurplus(this.couriers, limit);
  }

  get limitsConnections(): boolean {
    return Number.isFinite(this.connections);
  }
}

/** Fewer connections were asked for: those beyond end after what they have in flight, first those that do least. */
export function endSurplus(couriers: Iterable<Courier>, limit: number): void {
  const busyness = (courier: Courier): number => (courier.opening ? 0 : courier.idle ? 1 : 2);
  const staying = [...couriers].filter(({ stopping }) => !stopping);
  const surplus = staying.length - limit;
  if (surplus <= 0) return;
  staying.sort((a, b) => busyness(a) - busyness(b));
  for (const courier of staying.slice(0, surplus)) courier.stop();
}
