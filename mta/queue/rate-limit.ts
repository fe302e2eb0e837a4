import { type Gcra, gcra } from '../shaping/rate.ts';

/** ms of events that may come at once: timers are no finer than 1 ms, and one mail for each timer would be the limit otherwise */
const BURST = 20;

/** One rule object for all limits of a value: there may be 100,000 sites, and providers are few. */
const rules = new Map<string, Gcra>();
function ruleOf(count: number, period: number): Gcra {
  const key = `${count} ${period}`;
  let rule = rules.get(key);
  if (!rule) {
    rule = { count, period, burst: Math.max(1, Math.floor((BURST * count) / period)) };
    rules.set(key, rule);
  }
  return rule;
}

/** A GCRA limit with its state; no limit when `count` is undefined. Times are of a clock that nobody sets back. */
export class RateLimit {
  #rule: Gcra | undefined;
  #state = 0;

  /** `count` events per `period` ms */
  constructor(count: number | undefined, period: number) {
    this.set(count, period);
  }

  /** A new limit; what was counted stays counted. */
  set(count: number | undefined, period: number): void {
    this.#rule = count === undefined ? undefined : ruleOf(count, period);
  }

  /** ms until the next event conforms, 0: now */
  wait(now: number): number {
    if (!this.#rule) return 0;
    const decision = gcra(this.#rule, this.#state, now);
    return decision.allowed ? 0 : decision.retryAt - now;
  }

  take(now: number): void {
    if (!this.#rule) return;
    const decision = gcra(this.#rule, this.#state, now);
    // An event that was let through by another limit's burst counts all the same.
    this.#state = decision.allowed ? decision.state : this.#state + this.#rule.period / this.#rule.count;
  }
}
