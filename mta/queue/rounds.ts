/** Goes round a Set's or Map's members some at a time, on from where it stopped, whatever is added or removed meanwhile. */
export class Rounds<T> {
  readonly #members: { values(): Iterator<T> };
  #walk: Iterator<T>;

  constructor(members: { values(): Iterator<T> }) {
    this.#members = members;
    this.#walk = members.values();
  }

  /** The next ones, at most `count`; fewer where a round ends, so that nobody comes twice. */
  *next(count: number): Generator<T> {
    for (let n = 0; n < count; n += 1) {
      const { value, done } = this.#walk.next();
      if (done) {
        this.#walk = this.#members.values();
        return;
      }
      yield value;
    }
  }
}
