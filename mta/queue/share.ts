import type { Lane } from './lane.ts';

/** mails that a lane may be ahead of its share before it waits for the others */
const AHEAD = 4;
/** ms without a mail after which a lane is not waited for: it is in trouble, or slower than its share is worth */
const PATIENCE = 3000;

/**
 * A lane that a group's mail may leave by, and how much of it. A connection takes what it can, so that weights at its opening alone would come
 * to nothing: with a queue that does not end every lane is as busy as its limits let it be. So a lane that is ahead of its share waits while
 * those that are behind are at work. What one could not send (out, suspended, slowed, its day's warm-up done) goes to the others and is not
 * made up for.
 */
export class Share {
  readonly lane: Lane;
  /** ≥ 1 */
  readonly weight: number;
  /** mails, counted from anywhere: only the differences say something */
  sent = 0;
  #takenAt = Number.NEGATIVE_INFINITY;

  constructor(lane: Lane, weight: number) {
    this.lane = lane;
    this.weight = weight;
  }

  /** It has taken a mail. `now`: monotonic ms. */
  count(now: number): void {
    this.sent += 1;
    this.#takenAt = now;
  }

  /** in mails of weight 1 */
  get load(): number {
    return this.sent / this.weight;
  }

  /** May it take a further mail, or is it the turn of another? */
  mayTake(all: readonly Share[], now: number): boolean {
    const load = (this.sent - AHEAD) / this.weight;
    for (const other of all) {
      if (other.load >= load) continue;
      if (other.#atWork(now)) return false;
      other.sent = load * other.weight;
    }
    return true;
  }

  #atWork(now: number): boolean {
    const { lane } = this;
    return now - this.#takenAt < PATIENCE && lane.mayCarry && !lane.slowed && !lane.warming?.full;
  }
}
