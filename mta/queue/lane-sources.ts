import type { IpPool } from '../types.ts';
import type { LaneSource } from './lane.ts';
import type { Outlet } from './site.ts';
import { Throughput } from './throughput.ts';

export class Source implements LaneSource {
  readonly address: string;
  ehlo: string;
  failed = false;
  paused = false;
  readonly throughput = new Throughput();

  constructor(address: string, ehlo: string) {
    this.address = address;
    this.ehlo = ehlo;
  }
}

/** Every address that mail may leave by; one object each, so that what befalls it is known to all lanes at once. */
export class LaneSources {
  readonly #byAddress = new Map<string, Source>();
  #outlets = new Map<number, Outlet>();
  #free: Outlet;

  constructor() {
    this.#free = { key: '', sources: [{ source: this.#of('', 'localhost'), weight: 1 }] };
  }

  /** The settings are new. `ehlo`: the name where the system chooses the address. */
  apply(pools: readonly IpPool[], ehlo: string): void {
    this.#free = { key: '', sources: [{ source: this.#of('', ehlo), weight: 1 }] };
    this.#outlets = new Map(
      pools.map((pool) => [
        pool.id,
        {
          key: String(pool.id),
          sources: pool.sources.map((each) => ({
            source: this.#of(each.address, each.ehlo),
            weight: Math.max(1, each.weight),
          })),
        },
      ]),
    );
    const used = new Set(pools.flatMap(({ sources }) => sources.map(({ address }) => address)).concat(''));
    for (const address of this.#byAddress.keys()) if (!used.has(address)) this.#byAddress.delete(address);
  }

  /** undefined: without a pool */
  outlet(poolId: number | undefined): Outlet {
    return poolId === undefined ? this.#free : this.#outlets.get(poolId)!;
  }

  get(address: string): Source | undefined {
    return this.#byAddress.get(address);
  }

  /** It can be bound, or it cannot. */
  found(address: string, usable: boolean): void {
    const source = this.#byAddress.get(address);
    if (source) source.failed = !usable;
  }

  [Symbol.iterator](): Iterator<Source> {
    return this.#byAddress.values();
  }

  #of(address: string, ehlo: string): Source {
    let source = this.#byAddress.get(address);
    if (!source) {
      source = new Source(address, ehlo);
      this.#byAddress.set(address, source);
    }
    source.ehlo = ehlo;
    return source;
  }
}
