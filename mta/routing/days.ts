/**
 * Calendar days of a time zone, cheap enough to be asked for every mail: the day's bounds are kept until it is over.
 */
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
export const DEFAULT_TIME_ZONE = 'Asia/Tokyo';

export class Days {
  readonly #format: Intl.DateTimeFormat;
  #day = '';
  #from = 0;
  #to = 0;

  /** `timeZone`: an IANA name; one that this machine does not know is taken for the default. */
  constructor(timeZone: string = DEFAULT_TIME_ZONE) {
    this.#format = formatOf(timeZone) ?? formatOf(DEFAULT_TIME_ZONE)!;
  }

  /** YYYY-MM-DD at `now` (epoch ms) */
  dayOf(now: number): string {
    this.#find(now);
    return this.#day;
  }

  /** epoch ms of the midnight that ends the day */
  endOf(now: number): number {
    this.#find(now);
    return this.#to;
  }

  #find(now: number): void {
    if (now >= this.#from && now < this.#to) return;
    const day = this.#format.format(now);
    this.#day = day;
    this.#from = this.#change(now - 26 * HOUR, now, (at) => this.#format.format(at) === day);
    this.#to = this.#change(now, now + 26 * HOUR, (at) => this.#format.format(at) !== day);
  }

  /** The first ms in (from, to] at which `there` holds, which then holds to the end: days have 23 to 25 hours where clocks change. */
  #change(from: number, to: number, there: (at: number) => boolean): number {
    let before = from;
    let after = to;
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (there(middle)) after = middle;
      else before = middle;
    }
    return after;
  }
}

/** Whole days from one YYYY-MM-DD to another. */
export const daysBetween = (from: string, to: string): number => (Date.parse(to) - Date.parse(from)) / DAY;

function formatOf(timeZone: string): Intl.DateTimeFormat | undefined {
  try {
    // Canada writes dates as ISO 8601 does.
    return new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' });
  } catch {
    return undefined;
  }
}
