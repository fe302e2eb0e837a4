import { describe, expect, it } from 'vitest';
import { decide, GIVE_UP_AFTER, readRetryAfter } from './retry.ts';

const HOUR = 3_600_000;
const decideAt = (
  status: number,
  elapsed: number,
  attempts: number,
  random = 0.5,
  retryAfter: number | null = null,
) => decide({ status, retryAfter }, { attempts, since: 0, now: elapsed, random });

describe('what becomes of a request', () => {
  it('is tried at these moments, in hours, and then given up', () => {
    const times: number[] = [];
    let now = 0;
    for (let attempts = 1; attempts < 200; attempts += 1) {
      const decision = decideAt(500, now, attempts);
      if (decision.type !== 'again') {
        expect(decision).toEqual({ type: 'give-up' });
        break;
      }
      now = decision.at;
      times.push(now);
    }
    expect(times.slice(0, 7).map((at) => at / 1000)).toEqual([5, 35, 155, 755, 2555, 6155, 9755]);
    expect(times.at(-1)).toBeGreaterThanOrEqual(GIVE_UP_AFTER);
    expect(times.at(-2)).toBeLessThan(GIVE_UP_AFTER);
    expect(times).toHaveLength(77);
  });

  it.each([
    [200, 'taken'],
    [204, 'taken'],
    [299, 'taken'],
    [301, 'again'],
    [400, 'again'],
    [404, 'again'],
    [410, 'gone'],
    [500, 'again'],
    [0, 'again'],
  ])('%i: %s', (status, type) => {
    expect(decideAt(status, 0, 1).type).toBe(type);
  });

  it('410 counts at any time, and so does what is taken after three days', () => {
    expect(decideAt(410, GIVE_UP_AFTER, 77).type).toBe('gone');
    expect(decideAt(200, GIVE_UP_AFTER, 77).type).toBe('taken');
    expect(decideAt(500, GIVE_UP_AFTER - 1, 77).type).toBe('again');
  });

  it('waits are spread by a fifth either way', () => {
    expect(decideAt(500, 0, 6, 0)).toEqual({ type: 'again', at: 0.8 * HOUR });
    expect(decideAt(500, 0, 6, 1)).toEqual({ type: 'again', at: 1.2 * HOUR });
  });

  it.each([
    [503, 60_000, 60_000],
    [429, 60_000, 60_000],
    [503, 1000, 5000],
    [503, 100 * HOUR, 6 * HOUR],
    [500, 60_000, 5000],
  ])('%i that asks for %i ms is left alone for %i', (status, asked, wait) => {
    expect(decideAt(status, 0, 1, 0.5, asked)).toEqual({ type: 'again', at: wait });
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2026-11-25T00:00:00Z');
  it.each([
    ['120', 120_000],
    [' 0 ', 0],
    ['Wed, 25 Nov 2026 00:01:00 GMT', 60_000],
    ['Wed, 25 Nov 2020 00:01:00 GMT', 0],
    ['soon', null],
    ['-5', null],
    ['1e3', null],
    [undefined, null],
  ])('%s', (value, expected) => {
    const read = readRetryAfter(value, now);
    // What is neither may be a date to Date.parse, but never a wait.
    if (expected === null) expect(read ?? 0).toBe(0);
    else expect(read).toBe(expected);
  });
});
