import { describe, expect, it } from 'vitest';
import { quietUntil } from '../shaping/quiet.ts';

/** epoch ms of a time in Japan */
const japan = (time: string): number => Date.parse(`2026-11-25T${time}+09:00`);
const lane = 'mx:mfsmax.docomo.ne.jp 192.0.2.1';

describe('quiet minutes', () => {
  it.each([
    ['09:00:00', true],
    ['09:02:59.999', true],
    ['09:05:00', false],
    ['09:30:00', false],
    ['09:57:59.999', false],
    ['09:58:00', true],
    ['09:59:59', true],
    ['23:58:00', true],
    ['00:00:01', true],
  ])('%s: %s', (time, quiet) => {
    expect(quietUntil(japan(time), lane) !== null).toBe(quiet);
  });

  it('end for the whole lane at the same moment, after three to five minutes', () => {
    const ends = ['09:58:00', '09:59:59', '10:00:00', '10:02:00'].map((time) =>
      quietUntil(japan(time), lane),
    );
    expect(new Set(ends).size).toBe(1);
    const end = ends[0]!;
    expect(end).toBeGreaterThanOrEqual(japan('10:03:00'));
    expect(end).toBeLessThan(japan('10:05:00'));
    expect([quietUntil(end - 1, lane), quietUntil(end, lane)]).toEqual([end, null]);
  });

  it('end for each lane at a moment of its own, the same every hour', () => {
    const ends = Array.from(
      { length: 1000 },
      (_, n) => quietUntil(japan('10:00:00'), `mx:a.example 192.0.2.${n}`)!,
    );
    const later = Array.from(
      { length: 1000 },
      (_, n) => quietUntil(japan('15:00:00'), `mx:a.example 192.0.2.${n}`)!,
    );
    expect(later.map((end) => end - 5 * 3_600_000)).toEqual(ends);
    expect(new Set(ends).size).toBeGreaterThan(900);
    // spread over the two minutes: each ten seconds have their share
    const tens = Array.from(
      { length: 12 },
      (_, n) => ends.filter((end) => Math.floor((end - japan('10:03:00')) / 10_000) === n).length,
    );
    expect(Math.min(...tens)).toBeGreaterThan(40);
  });
});
