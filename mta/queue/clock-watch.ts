/** ms: smaller corrections are a time service's daily work */
const TOLERANCE = 60_000;

/** Notices that the system's clock was set: back, so that times that were written before lie in the future until it has caught up, or forward. */
export class ClockWatch {
  /** epoch ms, the latest that was seen or written */
  #latest: number;
  /** what the clock would say */
  #offset: number;
  /** wall clock − monotonic clock at the last tick */
  #drift: number;
  setBack: { since: number; by: number } | undefined;

  /** `latest`: the newest time in the spool, 0: none; `wall` in epoch ms, `monotonic` of a clock that nobody sets */
  constructor(latest: number, wall: number, monotonic: number) {
    this.#latest = latest;
    this.#offset = Math.max(wall, latest) - monotonic;
    this.#drift = this.#offset;
  }

  /** Answers by how many ms the clock was set back since the last tick; below 0: forward (or the machine slept), 0: it was not set. */
  tick(wall: number, monotonic: number): number {
    const step = this.#drift - (wall - monotonic);
    this.#drift = wall - monotonic;
    const by = monotonic + this.#offset - wall;
    if (!this.setBack && by > TOLERANCE) this.setBack = { since: wall, by };
    if (wall >= this.#latest) {
      this.#latest = wall;
      // What was lost is made up for: the new time is the time.
      if (this.setBack) {
        this.setBack = undefined;
        this.#offset = wall - monotonic;
      }
    }
    if (!this.setBack) this.#offset = Math.max(this.#offset, wall - monotonic);
    return Math.abs(step) > TOLERANCE ? step : 0;
  }
}
