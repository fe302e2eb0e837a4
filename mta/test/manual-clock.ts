import type { Clock } from '../smtp/types.ts';

/** Time that stands still until a test moves it. */
export class ManualClock implements Clock {
  #now = 1000;
  #timers = new Map<object, { at: number; run: () => void }>();
  /** timers made since the start: the hot path must make next to none */
  made = 0;

  now(): number {
    return this.#now;
  }

  setTimer(run: () => void, ms: number): object {
    const timer = {};
    this.made += 1;
    this.#timers.set(timer, { at: this.#now + ms, run });
    return timer;
  }

  clearTimer(timer: unknown): void {
    this.#timers.delete(timer as object);
  }

  get pending(): number {
    return this.#timers.size;
  }

  /** Moves on and runs what has come due, in order. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const due = [...this.#timers]
        .filter(([, { at }]) => at <= until)
        .sort(([, a], [, b]) => a.at - b.at)[0];
      if (due === undefined) break;
      const [timer, { at, run }] = due;
      this.#timers.delete(timer);
      this.#now = at;
      run();
    }
    this.#now = until;
  }
}
