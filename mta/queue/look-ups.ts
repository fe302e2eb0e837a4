/** ms: what is looked at to tell whether the DNS answers at all */
const WINDOW = 60_000;
/** domains whose look-up failed; fewer may have broken name servers of their own */
const ENOUGH = 5;

/** Tells a dead resolver from domains that are broken: with a dead one nearly all look-ups fail. */
export class LookUps {
  #since = 0;
  #answered = 0;
  readonly #failed = new Set<string>();
  /** epoch ms since when the DNS is dead, undefined: it is not */
  deadSince: number | undefined;

  /** A look-up has ended. `now` in epoch ms. */
  count(domain: string, answered: boolean, now: number): void {
    if (Math.abs(now - this.#since) > WINDOW) {
      this.#since = now;
      this.#answered = 0;
      this.#failed.clear();
    }
    if (answered) this.#answered += 1;
    else this.#failed.add(domain);
    const dead = this.#failed.size >= ENOUGH && this.#failed.size > 4 * this.#answered;
    if (dead) this.deadSince ??= now;
    // It stays dead until something was answered: between two probes nothing is asked.
    else if (answered) this.deadSince = undefined;
  }

  /** Nothing has failed lately. `now` in epoch ms. */
  quiet(now: number): boolean {
    return this.#failed.size === 0 || Math.abs(now - this.#since) > WINDOW;
  }

  /** A probe was answered: what failed before says nothing any more. */
  revived(): void {
    this.deadSince = undefined;
    this.#answered = 0;
    this.#failed.clear();
  }
}
