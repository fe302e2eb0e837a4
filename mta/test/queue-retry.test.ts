import { describe, expect, it } from 'vitest';
import { afterRefusal, afterSuccess, START } from '../queue/concurrency.ts';
import { DEFAULT_RETRY, nextAttempt } from '../queue/retry.ts';
import { Ring } from '../queue/ring.ts';
import { Throughput } from '../queue/throughput.ts';

/** Minutes at which a mail created at 0 is tried when every attempt is deferred at once. */
function schedule(random: number): number[] {
  const times: number[] = [];
  let now = 0;
  for (let tried = 1; ; tried += 1) {
    const next = nextAttempt(DEFAULT_RETRY, tried, 0, now, random);
    if (next.kind === 'expired') return times;
    now = next.at;
    times.push(now / 60_000);
  }
}

describe('retry schedule', () => {
  it('doubles from 15 minutes up to 4 hours and ends after 72 hours', () => {
    expect(schedule(0.5)).toEqual([
      15, 45, 105, 225, 465, 705, 945, 1185, 1425, 1665, 1905, 2145, 2385, 2625, 2865, 3105, 3345, 3585, 3825,
      4065, 4305,
      // the last attempt comes when the time is over, not a step later
      4320,
    ]);
  });

  it.each([
    [0, 12],
    [0.5, 15],
    [1, 18],
  ])('spreads by ±20 %% (random %s → first retry after %s min)', (random, minutes) => {
    expect(schedule(random)[0]).toBe(minutes);
  });

  it('gives up a mail that is as old as it may get', () => {
    const giveUp = DEFAULT_RETRY.giveUp * 1000;
    expect(nextAttempt(DEFAULT_RETRY, 3, 0, giveUp, 0.5)).toEqual({ kind: 'expired' });
    expect(nextAttempt(DEFAULT_RETRY, 3, 0, giveUp - 1, 0.5).kind).toBe('retry');
  });
});

describe('adaptive concurrency', () => {
  it('grows by about one connection for as many successes as there are connections, up to the limit', () => {
    let allowed = START;
    const steps: number[] = [];
    for (let n = 0; n < 12; n += 1) {
      allowed = afterSuccess(allowed, 5);
      steps.push(Math.floor(allowed));
    }
    expect(steps).toEqual([2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 5, 5]);
  });

  it('shrinks by one at a refusal and never below one', () => {
    expect([5, 2, 1.5, 1].map(afterRefusal)).toEqual([4, 1, 1, 1]);
  });
});

describe('ring', () => {
  it('takes turns and survives removals in the middle of a round', () => {
    const ring = new Ring<string>();
    for (const name of ['a', 'b', 'c', 'a']) ring.add(name);
    expect([ring.next(), ring.next()]).toEqual(['a', 'b']);
    ring.remove('b');
    ring.remove('b');
    const rest = [ring.next(), ring.next(), ring.next(), ring.next()];
    expect(new Set(rest)).toEqual(new Set(['a', 'c']));
    ring.remove('a');
    ring.remove('c');
    expect(ring.next()).toBeUndefined();
  });
});

describe('throughput', () => {
  it('is the mean over the last ten full seconds', () => {
    const throughput = new Throughput();
    throughput.tick(1_000_000);
    for (let n = 0; n < 50; n += 1) throughput.count();
    expect(throughput.perSecond(1_001_000)).toBe(5);
    expect(throughput.perSecond(1_010_000)).toBe(5);
    expect(throughput.perSecond(1_011_000)).toBe(0);
  });
});
