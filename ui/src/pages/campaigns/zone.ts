/** Local times of the organisation's zone, whatever the browser's is. Pure, with the platform's own zone data. */

function parts(utc: number, timeZone: string): number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  const get = Object.fromEntries(format.formatToParts(utc).map((part) => [part.type, Number(part.value)]));
  return Date.UTC(get.year!, get.month! - 1, get.day!, get.hour!, get.minute!, get.second!);
}

/** What a `datetime-local` input says (`2026-12-01T10:00`), as that wall clock in the zone; NaN for nonsense. */
export function fromWallClock(local: string, timeZone: string): number {
  const wall = Date.parse(`${local}Z`);
  if (Number.isNaN(wall)) return Number.NaN;
  // The offset at the answer is not known before the answer: guess, then correct once (enough around a change of the clock).
  const guess = wall - (parts(wall, timeZone) - wall);
  return wall - (parts(guess, timeZone) - guess);
}

/** The `datetime-local` value of a moment in the zone, to the minute. */
export function toWallClock(utc: number, timeZone: string): string {
  return new Date(parts(utc, timeZone)).toISOString().slice(0, 16);
}

/** The next full hour at least `ahead` ms from now: a sensible proposal. */
export function nextHour(now: number, ahead = 30 * 60_000): number {
  return Math.ceil((now + ahead) / 3_600_000) * 3_600_000;
}
