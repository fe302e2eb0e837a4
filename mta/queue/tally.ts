/** How many different names there are, however often each. */
export class Tally {
  readonly #times = new Map<string, number>();

  get size(): number {
    return this.#times.size;
  }

  add(name: string): void {
    this.#times.set(name, (this.#times.get(name) ?? 0) + 1);
  }

  remove(name: string): void {
    const times = this.#times.get(name);
    if (times === undefined) return;
    if (times > 1) this.#times.set(name, times - 1);
    else this.#times.delete(name);
  }
}
