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
    const { gate, onError, buckets, onSetBack } = this.#parts;
    const step = this.watch.tick(wall, monotonic);
    // One that waited for the disk goes on.
    this.#shift.goOn();
    try {
      if (step > 0) this.#uptime.setBack(wall);
      if (step < 0) this.#uptime.setForward(-step, wall);
      if (!gate.diskFull) this.#uptime.tick(wall);
    } catch (error) {
      onError('that the MTA is up could not be noted; it is tried again', error);
    }
    if (step <= 0) return;
    this.#shift.begin(buckets(), step, wall);
    onSetBack();
  }

  /** The MTA ends. `wall`: epoch ms */
  close(wall: number): void {
    try {
      this.#uptime.note(wall);
    } catch (error) {
      this.#parts.onError('that the MTA was up could not be noted', error);
    }
  }

  /** ms since then (epoch ms) in which no mail could leave: they do not count for a mail's end */
  lost(since: number): number {
    return this.#uptime.lost(since);
  }
}
