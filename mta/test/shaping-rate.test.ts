import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Gcra, gcra } from '../shaping/rate.ts';

/** Asks at each of the times; answers the times at which it was allowed. */
function run(rule: Gcra, times: number[]): number[] {
  let state = 0;
  return times.filter((now) => {
    const decision = gcra(rule, state, now);
    if (decision.allowed) state = decision.state;
    return decision.allowed;
  });
}

const rules = fc.record({
  count: fc.integer({ min: 1, max: 1000 }),
  period: fc.constantFrom(1000, 60_000),
  burst: fc.integer({ min: 1, max: 20 }),
});
/** Where tests of time begin: any, as clocks may. */
const starts = fc.constantFrom(0, 12_345, 1_700_000_000_000);
const intervalOf = ({ count, period }: Gcra): number => period / count;
/** ms: two doubles near an epoch of 1.7e12 are that far apart, so each event may be rounded by so much, and the error adds up. */
const STEP = 2 ** -12;

describe('rate limit (GCRA)', () => {
  it('spaces events evenly and says when the next one may come', () => {
    const rule = { count: 10, period: 1000 };
    expect(run(rule, [5000, 5050, 5099, 5100, 5150, 5200])).toEqual([5000, 5100, 5200]);
    expect(gcra(rule, 5100, 5040)).toEqual({ allowed: false, retryAt: 5100 });
  });

  it('lets a burst through and then keeps the pace', () => {
    expect(run({ count: 10, period: 1000, burst: 3 }, [0, 0, 0, 0, 99, 100, 100, 200])).toEqual([
      0, 0, 0, 100, 200,
    ]);
  });

  it('gives a burst again after a rest, and no more than that', () => {
    const rule = { count: 10, period: 1000, burst: 3 };
    expect(run(rule, [0, 0, 0, 60_000, 60_000, 60_000, 60_000])).toEqual([0, 0, 0, 60_000, 60_000, 60_000]);
  });

  it('never lets more through in any window than the burst and rate × time', () => {
    fc.assert(
      fc.property(
        rules,
        starts,
        fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 1, maxLength: 200 }),
        (rule, start, gaps) => {
          let now = start;
          const allowed = run(
            rule,
            gaps.map((gap) => {
              now += gap;
              return now;
            }),
          );
          for (let i = 0; i < allowed.length; i += 1)
            for (let j = i; j < allowed.length; j += 1)
              expect(j - i + 1).toBeLessThanOrEqual(
                rule.burst + (allowed[j]! - allowed[i]! + (j - i + 1) * STEP) / intervalOf(rule),
              );
        },
      ),
    );
  });

  it('never starves: whoever waits until it is told gets through, and no wait is longer than one interval', () => {
    fc.assert(
      fc.property(rules, starts, fc.integer({ min: 1, max: 100 }), (rule, start, events) => {
        let state = 0;
        let now: number = start;
        for (let n = 0; n < events; n += 1) {
          let decision = gcra(rule, state, now);
          if (!decision.allowed) {
            expect(decision.retryAt - now).toBeLessThanOrEqual(intervalOf(rule) + STEP * (n + 1));
            now = decision.retryAt;
            decision = gcra(rule, state, now);
          }
          expect(decision.allowed).toBe(true);
          if (decision.allowed) state = decision.state;
        }
        // So that many events take no longer than the rate says.
        expect(now - start).toBeLessThanOrEqual(
          Math.max(0, events - rule.burst) * intervalOf(rule) + events * STEP,
        );
      }),
    );
  });

  it('forgets no event because others asked in vain', () => {
    fc.assert(
      fc.property(rules, fc.array(fc.integer({ min: 0, max: 2000 }), { maxLength: 100 }), (rule, times) => {
        const sorted = times.sort((a, b) => a - b);
        const allowed = run(rule, sorted);
        expect(run(rule, allowed)).toEqual(allowed);
      }),
    );
  });
});
