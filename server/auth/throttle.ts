/**
 * Slows down guessing of passwords. Failures are counted by account and by address in a sliding window; a right
 * password clears its account. In memory: a restart forgives, and nothing is written on an attacker's behalf.
 */
export interface ThrottleRule {
  failures: number;
  windowMs: number;
}

/** An office shares one address, so it gets more tries than an account. */
export const ACCOUNT_RULE: ThrottleRule = { failures: 10, windowMs: 15 * 60_000 };
export const ADDRESS_RULE: ThrottleRule = { failures: 50, windowMs: 15 * 60_000 };
const MAX_KEYS = 20_000;

export class Throttle {
  readonly #rule: ThrottleRule;
  /** times of the failures in the window, oldest first; keys in order of their last failure */
  readonly #failures = new Map<string, number[]>();

  constructor(rule: ThrottleRule) {
    this.#rule = rule;
  }

  /** Seconds to wait before the next try, 0 when it may go on. */
  retryAfter(key: string, now: number): number {
    const times = this.#recent(key, now);
    const oldest = times[0];
    if (oldest === undefined || times.length < this.#rule.failures) return 0;
    return Math.max(1, Math.ceil((oldest + this.#rule.windowMs - now) / 1000));
  }

  /** Counts before the password is checked, or parallel tries would all pass. */
  begin(key: string, now: number): void {
    const times = [...this.#recent(key, now), now];
    this.#failures.delete(key);
    this.#failures.set(key, times);
    if (this.#failures.size > MAX_KEYS) this.#failures.delete(this.#failures.keys().next().value ?? '');
  }

  /** The try was no failure after all. */
  succeed(key: string, startedAt: number): void {
    const times = this.#failures.get(key)?.filter((time) => time !== startedAt) ?? [];
    if (times.length > 0) this.#failures.set(key, times);
    else this.#failures.delete(key);
  }

  clear(key: string): void {
    this.#failures.delete(key);
  }

  #recent(key: string, now: number): number[] {
    return (this.#failures.get(key) ?? []).filter((time) => time > now - this.#rule.windowMs);
  }
}
