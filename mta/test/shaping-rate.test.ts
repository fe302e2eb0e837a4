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

  it('never lets more through in any window than the rate and the burst, and never less than the rate', () => {
    fc.assert(
      fc.property(
        fc.record({
          count: fc.integer({ min: 1, max: 1000 }),
          period: fc.constantFrom(1000, 60_000),
          burst: fc.integer({ min: 1, max: 20 }),
        }),
        fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 1, maxLength: 200 }),
        (rule, gaps) => {
          let now = 1_700_000_000_000;
          const times = gaps.map((gap) => (now += gap));
          const allowed = run(rule, times);
          const interval = rule.period / rule.count;
          for (let i = 0; i < allowed.length; i += 1) {
            for (let j = i; j < allowed.length; j += 1) {
              const most = rule.burst + (allowed[j]! - allowed[i]!) / interval;
              // 0.01: the clock is a double of 13 digits
              expect(j - i + 1).toBeLessThanOrEqual(most + 0.01);
            }
          }
          // Whoever waits until retryAt is let through.
          let state = 0;
          let at = times[0]!;
          for (let i = 0; i < 50; i += 1) {
            const decision = gcra(rule, state, at);
            if (decision.allowed) state = decision.state;
            else {
              expect(decision.retryAt - at).toBeLessThanOrEqual(interval + 0.01);
              at = decision.retryAt;
              const again = gcra(rule, state, at);
              expect(again.allowed).toBe(true);
              if (again.allowed) state = again.state;
            }
          }
        },
      ),
    );
  });
});
