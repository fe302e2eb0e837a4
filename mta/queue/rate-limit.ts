import { type Gcra, gcra } from '../shaping/rate.ts';

/** A GCRA limit with its state; no limit when `count` is undefined. Times are of a clock that nobody sets back. */
export class RateLimit {
  readonly #rule: Gcra | undefined;
  #state = 0;

  /** `count` events per `period` ms */
  constructor(count: number | undefined, period: number) {
    this.#rule = count === undefined ? undefined : { count, period };
  }

  /** ms until the next event conforms, 0: now */
  wait(now = performance.now()): number {
    if (!this.#rule) return 0;
    const decision = gcra(this.#rule, this.#state, now);
    return decision.allowed ? 0 : decision.retryAt - now;
  }

  take(now = performance.now()): void {
    if (!this.#rule) return;
    const decision = gcra(this.#rule, this.#state, now);
    if (decision.allowed) this.#state = decision.state;
  }
}
