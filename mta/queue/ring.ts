/** Takes turns: `next` answers the members one after the other. Adding twice is harmless; every operation is O(1). */
export class Ring<T> {
  readonly #members: T[] = [];
  readonly #places = new Map<T, number>();
  #turn = 0;

  get size(): number {
    return this.#members.length;
  }

  has(member: T): boolean {
    return this.#places.has(member);
  }

  add(member: T): void {
    if (this.#places.has(member)) return;
    this.#places.set(member, this.#members.length);
    this.#members.push(member);
  }

  remove(member: T): void {
    const place = this.#places.get(member);
    if (place === undefined) return;
    this.#places.delete(member);
    const last = this.#members.pop()!;
    if (last === member) return;
    this.#members[place] = last;
    this.#places.set(last, place);
  }

  next(): T | undefined {
    if (this.#members.length === 0) return undefined;
    if (this.#turn >= this.#members.length) this.#turn = 0;
    const member = this.#members[this.#turn];
    this.#turn += 1;
    return member;
  }

  *[Symbol.iterator](): Iterator<T> {
    yield* this.#members;
  }
}
