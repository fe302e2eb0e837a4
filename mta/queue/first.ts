/** Keeps the first few in an order of however many: a hundred thousand cost one comparison each, not a sort of all. */
export class First<T> {
  readonly #limit: number;
  readonly #compare: (a: T, b: T) => number;
  readonly #kept: T[] = [];
  /** the last of those that would be kept if nothing more came: what does not come before it need not be looked at */
  #bar: T | undefined;
  /** how many were added */
  count = 0;

  /** `compare` as for `Array.sort`. Of equals those that were added earlier are kept. */
  constructor(limit: number, compare: (a: T, b: T) => number) {
    this.#limit = limit;
    this.#compare = compare;
  }

  add(item: T): void {
    this.count += 1;
    if (this.#bar !== undefined && this.#compare(item, this.#bar) >= 0) return;
    this.#kept.push(item);
    if (this.#kept.length >= 2 * this.#limit) this.#cut();
  }

  inOrder(): T[] {
    this.#cut();
    return this.#kept;
  }

  #cut(): void {
    this.#kept.sort(this.#compare);
    if (this.#kept.length < this.#limit) return;
    this.#kept.length = this.#limit;
    this.#bar = this.#kept.at(-1);
  }
}
