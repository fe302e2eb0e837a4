import type { Clock, Timeouts } from './types.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/**
 * RFC 5321 §4.5.3.2 names the minimums for banner, MAIL, RCPT, DATA, block and dot. It is silent on the others: EHLO
 * and AUTH get what MAIL gets; a TCP connection that needs more than 30 s will not come; STARTTLS and the handshake are
 * as DATA, because a server that hangs there must be tried without TLS soon; a server that hangs in RSET or QUIT
 * costs us nothing but a new connection.
 */
export const DEFAULT_TIMEOUTS: Readonly<Timeouts> = {
  connect: 30 * SECOND,
  banner: 5 * MINUTE,
  ehlo: 5 * MINUTE,
  starttls: 2 * MINUTE,
  handshake: 2 * MINUTE,
  auth: 5 * MINUTE,
  mail: 5 * MINUTE,
  rcpt: 5 * MINUTE,
  data: 2 * MINUTE,
  block: 3 * MINUTE,
  dot: 10 * MINUTE,
  rset: 20 * SECOND,
  quit: 5 * SECOND,
};

export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  setTimer: (run, ms) => setTimeout(run, ms),
  clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

/**
 * One timer for a whole session. Moving the deadline is writing a number; the timer looks at it when it fires and
 * sleeps on if it has moved, so thousands of replies a second neither create nor clear timers.
 */
export class Deadline {
  #clock: Clock;
  #expired: () => void;
  #at = Number.POSITIVE_INFINITY;
  #timer: unknown;
  #firesAt = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, expired: () => void) {
    this.#clock = clock;
    this.#expired = expired;
  }

  /** Infinity: nothing is awaited. */
  set(ms: number, now: number): void {
    const at = now + ms;
    this.#at = at;
    // Only a deadline before the timer's next look needs another timer (a shorter wait after a longer one).
    if (at < this.#firesAt) this.#arm(ms, at);
  }

  clear(): void {
    this.#at = Number.POSITIVE_INFINITY;
  }

  stop(): void {
    this.clear();
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #arm(ms: number, at: number): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#firesAt = at;
    this.#timer = this.#clock.setTimer(() => this.#look(), ms);
  }

  #look(): void {
    this.#timer = undefined;
    this.#firesAt = Number.POSITIVE_INFINITY;
    if (this.#at === Number.POSITIVE_INFINITY) return;
    const left = this.#at - this.#clock.now();
    if (left > 0) this.#arm(left, this.#at);
    else {
      this.clear();
      this.#expired();
    }
  }
}
