/** ms between two notes that we are up */
const NOTE_EVERY = 60_000;
/** ms without a note after which we were down; what is shorter is a restart */
const DOWN = 180_000;
/** the newest are kept: older ones are before any mail that still waits */
const KEPT = 100;

/** A stretch of the wall clock (epoch ms) in which no mail could leave: the machine was off or asleep, or its clock was set forward over it. */
export interface Gap {
  from: number;
  to: number;
}

/** As it is kept on disk. */
export interface UptimeNote {
  /** epoch ms of the last note */
  seenAt: number;
  gaps: Gap[];
}

/**
 * Time that a mail has waited without us does not count for its end. Otherwise a box that was off over four days, or whose clock says so (a
 * dead battery, until the time service answers), would give all its mail up at once, untried.
 */
export class Uptime {
  readonly #save: (note: UptimeNote) => void;
  #gaps: Gap[];
  #seenAt: number;

  /** `now`: epoch ms; `save` throws what the disk says */
  constructor(note: UptimeNote | undefined, now: number, save: (note: UptimeNote) => void) {
    this.#save = save;
    this.#gaps = note?.gaps ?? [];
    // The first tick writes a note.
    this.#seenAt = 0;
    if (!note) return;
    if (now < note.seenAt) this.setBack(now);
    else if (now - note.seenAt > DOWN) this.#add({ from: note.seenAt, to: now });
  }

  /** The clock was set forward by `by` ms, and says `now` (epoch ms) since. */
  setForward(by: number, now: number): void {
    this.#add({ from: now - by, to: now });
    this.note(now);
  }

  /** The clock was set back and says `now` (epoch ms) since: what is still to come cannot be a gap. */
  setBack(now: number): void {
    this.#gaps = this.#gaps
      .map(({ from, to }) => ({ from, to: Math.min(to, now) }))
      .filter(({ from, to }) => from < to);
    this.#seenAt = Math.min(this.#seenAt, now - NOTE_EVERY);
  }

  /** Called often: writes from time to time that we are up. */
  tick(now: number): void {
    if (now - this.#seenAt >= NOTE_EVERY) this.note(now);
  }

  note(now: number): void {
    this.#save({ seenAt: now, gaps: this.#gaps });
    this.#seenAt = now;
  }

  /** ms since then (epoch ms) in which no mail could leave */
  lost(since: number): number {
    let sum = 0;
    for (const { from, to } of this.#gaps) sum += Math.max(0, to - Math.max(from, since));
    return sum;
  }

  #add(gap: Gap): void {
    this.#gaps.push(gap);
    if (this.#gaps.length > KEPT) this.#gaps.shift();
  }
}
