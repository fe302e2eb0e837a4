/** Which addresses a mail may leave by: pure decisions, table-tested. */
import type { DeliveryClass, DeliverySettings, IpPool } from '../types.ts';

export type PoolChoice =
  /** the system chooses the address */
  | { kind: 'none' }
  | { kind: 'pool'; pool: IpPool }
  /** it is named and there is none (or it is empty): the mail waits, another address must never stand in for it */
  | { kind: 'missing'; poolId: number };

const NONE: PoolChoice = { kind: 'none' };

export class Pools {
  readonly #choices = new Map<number, PoolChoice>();
  readonly #bySendingDomain = new Map<string, number>();
  readonly #byClass: Partial<Record<DeliveryClass, number>>;
  readonly #sandbox: boolean;

  constructor({ mode, pools = [], domains, classPools = {} }: DeliverySettings) {
    this.#sandbox = mode === 'sandbox';
    this.#byClass = classPools;
    for (const pool of pools) if (pool.sources.length > 0) this.#choices.set(pool.id, { kind: 'pool', pool });
    for (const { domain, poolId } of domains)
      if (poolId !== undefined) this.#bySendingDomain.set(domain.toLowerCase(), poolId);
  }

  /** The job's own pool, its sending domain's, its class's, else none. `rerouted`: an operator's order comes first. */
  choose(
    job: { poolId: number | null; fromDomain: string; class: DeliveryClass },
    rerouted?: number,
  ): PoolChoice {
    if (this.#sandbox) return NONE;
    const id =
      rerouted ?? job.poolId ?? this.#bySendingDomain.get(job.fromDomain) ?? this.#byClass[job.class];
    if (id === undefined) return NONE;
    return this.#choices.get(id) ?? { kind: 'missing', poolId: id };
  }
}
