import type { DueTimes } from '../spool/due-times.ts';
import type { Bucket } from './bucket.ts';
import type { Gate } from './gate.ts';

export interface ClockShiftParts {
  due: Pick<DueTimes, 'shift'>;
  gate: Pick<Gate, 'diskFull' | 'draining'>;
  onError(what: string, error: unknown): void;
}

/**
 * After the clock was set back by an hour, what is queued would wait an hour longer: also mail that was due already, as it was enqueued at a time
 * that is now to come. So its times are set back with the clock: each mail waits as long as its schedule said, measured by time that has
 * really gone by. In slices. What is put off anew while this runs may be tried too early once, never too late.
 */
export class ClockShift {
  readonly #parts: ClockShiftParts;
  readonly #todo: { bucket: Bucket; after: number; by: number }[] = [];
  #scheduled = false;

  constructor(parts: ClockShiftParts) {
    this.#parts = parts;
  }

  /** `by`: ms that the clock was set back; `now`: what it says since, epoch ms. */
  begin(buckets: Iterable<Bucket>, by: number, now: number): void {
    for (const bucket of buckets) this.#todo.push({ bucket, after: now, by });
    this.goOn();
  }

  /** Also called by the tick: what waited for the disk goes on. */
  goOn(): void {
    const { gate } = this.#parts;
    if (this.#scheduled || this.#todo.length === 0 || gate.diskFull || gate.draining) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      try {
        this.#slice();
      } catch (error) {
        this.#parts.onError('mail could not be brought forward after the clock was set back', error);
        return;
      }
      this.goOn();
    });
  }

  #slice(): void {
    const { due, gate } = this.#parts;
    const next = this.#todo.at(-1);
    if (!next || gate.draining) return;
    const { bucket, after, by } = next;
    const through = due.shift(bucket.id, after, by);
    if (bucket.nextAt !== null && bucket.nextAt > after) bucket.nextAt -= by;
    if (through === null) this.#todo.pop();
    else next.after = through;
  }
}
