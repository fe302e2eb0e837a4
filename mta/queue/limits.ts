import { Brake, Cap } from './cap.ts';
import type { SiteSpec } from './destinations.ts';
import type { LaneLimits, LaneSource } from './lane.ts';
import type { Shaping } from './shaping.ts';

/** Limits that lanes share, one object each for all whom they hold for. */
export class Limits {
  readonly #shaping: Pick<Shaping, 'warming'>;
  /** by provider or route */
  readonly #caps = new Map<string, Cap>();
  /** by source and provider */
  readonly #brakes = new Map<string, Brake>();

  constructor(shaping: Pick<Shaping, 'warming'>) {
    this.#shaping = shaping;
  }

  /** What holds for a lane from this source to the site. */
  of(source: LaneSource, spec: SiteSpec): LaneLimits {
    const { profile } = spec;
    const cap = this.#capOf(spec);
    if (!profile) return { cap, brake: undefined, warming: undefined };
    const key = `${source.address} ${profile.provider}`;
    let brake = this.#brakes.get(key);
    if (!brake) {
      brake = new Brake();
      this.#brakes.set(key, brake);
    }
    return { cap, brake, warming: this.#shaping.warming(source.address, profile.provider) };
  }

  #capOf(spec: SiteSpec): Cap | undefined {
    const { profile } = spec;
    if (profile) {
      if (!profile.providerWide) return undefined;
      return this.#cap(
        `provider ${profile.provider}`,
        'provider-limit',
        profile.connections,
        profile.ratePerSecond,
      );
    }
    return this.#cap(spec.key, 'connection-limit', spec.connections, undefined);
  }

  #cap(key: string, reason: Cap['reason'], connections: number, rate: number | undefined): Cap {
    let cap = this.#caps.get(key);
    if (!cap) {
      cap = new Cap(reason, connections, rate);
      this.#caps.set(key, cap);
    }
    cap.set(connections, rate);
    return cap;
  }
}
