import type { Bucket } from './bucket.ts';
import type { Gate } from './gate.ts';
import type { Holdings } from './holdings.ts';
import { synthetic } from './settlement.ts';
import { type Settler, SLICE } from './settler.ts';

/** Settles the mail of cancelled jobs, in slices. */
export class Cancelling {
  readonly #holdings: Holdings;
  readonly #gate: Gate;
  readonly #settler: Settler;
  readonly #buckets = new Set<Bucket>();
  #scheduled = false;

  constructor(holdings: Holdings, gate: Gate, settler: Settler) {
    this.#holdings = holdings;
    this.#gate = gate;
    this.#settler = settler;
  }

  add(bucket: Bucket): void {
    bucket.group?.remove(bucket);
    this.#buckets.add(bucket);
    this.goOn();
  }

  /** The bucket is empty. */
  forget(bucket: Bucket): void {
    this.#buckets.delete(bucket);
  }

  /** Also called by the tick: what waited for the disk goes on. */
  goOn(): void {
    if (this.#scheduled || this.#buckets.size === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#gate.draining || this.#gate.diskFull) return;
      const [bucket] = this.#buckets;
      if (!bucket) return;
      const rows = this.#holdings.takeAny(bucket, SLICE);
      for (const row of rows)
        this.#settler.settle(
          bucket,
          row,
          synthetic('suppressed', 'cancelled', '', 'The job was cancelled before this mail left'),
        );
      if (rows.length < SLICE) this.#buckets.delete(bucket);
      this.goOn();
    });
  }
}
