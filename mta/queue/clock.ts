import type { Bucket } from './bucket.ts';
import { ClockShift, type ClockShiftParts } from './clock-shift.ts';
import { ClockWatch } from './clock-watch.ts';
import { Uptime, type UptimeNote } from './uptime.ts';

export interface ClockParts extends ClockShiftParts {
  /** epoch ms of the newest time in the spool, 0: none */
  latest: number;
  uptime: { load(): UptimeNote | undefined; save(note: UptimeNote): void };
  buckets(): Iterable<Bucket>;
  /** also: what was to end by the old time ends now */
  onSetBack(): void;
}

/** What the system's clock does to waiting mail: set back, its times go with it; set forward or the machine off, its life is longer. */
export class Clock {
  readonly watch: ClockWatch;
  readonly #parts: ClockParts;
  readonly #shift: ClockShift;
  readonly #uptime: Uptime;

  /** `wall`: epoch ms, `monotonic`: ms of a clock that nobody sets */
  constructor(parts: ClockParts, wall: number, monotonic: number) {
    this.#parts = parts;
    this.#shift = new ClockShift(parts);
    this.watch = new ClockWatch(parts.latest, wall, monotonic);
    this.#uptime = new Uptime(parts.uptime.load(), wall, (note) => parts.uptime.save(note));
  }

  /** Called ten times a second. */
  tick(wall: number, monotonic: number): void {
    this.#look(wall, monotonic);
    // One that waited for the disk goes on.
    this.#shift.goOn();
    if (!this.#parts.gate.diskFull) this.#note(() => this.#uptime.tick(wall));
  }

  #look(wall: number, monotonic: number): void {
    const step = this.watch.tick(wall, monotonic);
    if (step < 0) this.#note(() => this.#uptime.setForward(-step, wall));
    if (step <= 0) return;
    this.#uptime.setBack(wall);
    this.#shift.begin(this.#parts.buckets(), step, wall);
    this.#parts.onSetBack();
  }

  #note(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#parts.onError('that the MTA is up could not be noted', error);
    }
  }

  /** The MTA ends. `wall`: epoch ms */
  close(wall: number): void {
    this.#note(() => this.#uptime.note(wall));
  }

  /** ms since then (epoch ms) in which no mail could leave: they do not count for a mail's end */
  lost(since: number): number {
    // The clock may have been set since the last tick.
    this.#look(Date.now(), performance.now());
    return this.#uptime.lost(since);
  }
}
