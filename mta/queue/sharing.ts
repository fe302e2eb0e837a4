/** How mail is shared by weights among several that could take it: the lanes of a pool, the relays of a route. */

/** mails that one may be ahead of its share before it waits for the others */
const AHEAD = 4;
/** ms without a mail after which one is not waited for: it is in trouble, or slower than its share is worth */
const PATIENCE = 3000;

/**
 * One of those that share. A connection takes what it can, so that weights at its opening alone would come to nothing: with a queue that does
 * not end each is as busy as its limits let it be. So one that is ahead of its share waits while those that are behind are at work. What one
 * could not take goes to the others and is not made up for.
 */
export abstract class Sharer {
  /** mails, counted from anywhere: only the differences say something */
  taken = 0;
  #takenAt = Number.NEGATIVE_INFINITY;

  /** > 0 */
  abstract readonly weight: number;

  /** Could it take mail now, and as fast as its share is worth? `now`: monotonic ms. */
  protected abstract able(now: number): boolean;

  /** It has taken a mail. `now`: monotonic ms. */
  count(now: number): void {
    this.taken += 1;
    this.#takenAt = now;
  }

  /** in mails of weight 1 */
  get load(): number {
    return this.taken / this.weight;
  }

  /** May it take a further mail, or is it the turn of another? */
  mayTake(all: readonly Sharer[], now: number): boolean {
    const load = (this.taken - AHEAD) / this.weight;
    for (const other of all) {
      if (other.load >= load) continue;
      if (now - other.#takenAt < PATIENCE && other.able(now)) return false;
      other.taken = load * other.weight;
    }
    return true;
  }
}

/** All that share, and who waits for whom. */
export class Sharing<S extends Sharer> {
  readonly all: readonly S[];
  /** load of the others at which one that is ahead of its share goes on */
  #waitsFor = Number.POSITIVE_INFINITY;

  constructor(all: readonly S[]) {
    this.all = all;
  }

  /** It has had its share for now: another's turn. `now`: monotonic ms. */
  waits(one: S, now: number): boolean {
    if (this.all.length < 2 || one.mayTake(this.all, now)) return false;
    // Not with the next mail of the others: to be woken for each would cost more than to send some at a time.
    this.#waitsFor = Math.min(this.#waitsFor, one.load);
    return true;
  }

  /** One has taken a mail; answers whether another that waits may go on now. */
  count(one: S, now: number): boolean {
    one.count(now);
    if (this.#waitsFor > one.load) return false;
    this.#waitsFor = Number.POSITIVE_INFINITY;
    return true;
  }
}
