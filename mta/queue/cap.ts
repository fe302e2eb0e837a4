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
}
