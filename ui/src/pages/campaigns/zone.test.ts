import { expect, test } from 'vitest';
import { fromWallClock, nextHour, toWallClock } from './zone.ts';

test.each([
  ['2026-12-01T10:00', 'Asia/Tokyo', '2026-12-01T01:00:00.000Z'],
  ['2026-12-01T00:30', 'Asia/Tokyo', '2026-11-30T15:30:00.000Z'],
  ['2026-07-01T10:00', 'America/New_York', '2026-07-01T14:00:00.000Z'],
  ['2026-01-01T10:00', 'America/New_York', '2026-01-01T15:00:00.000Z'],
  // the hour after the clock went forward (2026-03-08, 02:00 → 03:00)
  ['2026-03-08T03:30', 'America/New_York', '2026-03-08T07:30:00.000Z'],
  ['2026-06-01T10:15', 'Asia/Kathmandu', '2026-06-01T04:30:00.000Z'],
])('%s in %s is %s', (local, zone, utc) => {
  expect(new Date(fromWallClock(local, zone)).toISOString()).toBe(utc);
  expect(toWallClock(Date.parse(utc), zone)).toBe(local);
});

test('nonsense is not a time', () => {
  expect(fromWallClock('', 'Asia/Tokyo')).toBeNaN();
});

test('the proposal is a full hour with time to think', () => {
  const at = (time: string) => Date.parse(`2026-12-01T${time}:00Z`);
  expect(nextHour(at('10:10'))).toBe(at('11:00'));
  expect(nextHour(at('10:40'))).toBe(at('12:00'));
});
