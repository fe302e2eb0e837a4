/** Which lane of a pool takes the next bulk mail: weights hold however fast each lane is, and nobody is waited for in vain. */
import { describe, expect, it } from 'vitest';
import type { Lane } from '../queue/lane.ts';
import { Share } from '../queue/share.ts';

interface State {
  mayCarry: boolean;
  slowed: boolean;
  warming: { full: boolean } | undefined;
}
const share = (weight: number, state: Partial<State> = {}): Share & { lane: State } =>
  new Share({ mayCarry: true, slowed: false, warming: undefined, ...state } as Lane, weight) as never;

/** Every `eagerness[n]`-th ms lane n would take a mail; answers how many each took. */
function run(shares: Share[], eagerness: number[], ms: number, from = 0): number[] {
  const taken = shares.map(() => 0);
  for (let now = from; now < from + ms; now += 1)
    shares.forEach((each, n) => {
      if (now % eagerness[n]! !== 0 || !each.mayTake(shares, now)) return;
      each.count(now);
      taken[n]! += 1;
    });
  return taken;
}

describe('a lane', () => {
  it.each([
    // weights, ms between the mails that each lane could take → share of the first
    ['as quick as the other', [3, 1], [1, 1], 0.75],
    ['slower than its share', [3, 1], [100, 1], 0.75],
    ['quicker than its share', [1, 9], [1, 5], 0.1],
    ['one of three', [1, 1, 2], [1, 3, 1], 0.25],
    ['of a large weight', [1000, 500], [1, 1], 0.667],
  ] as const)('that is %s takes what its weight says', (_, weights, eagerness, expected) => {
    const taken = run(
      weights.map((weight) => share(weight)),
      [...eagerness],
      20_000,
    );
    const sum = taken.reduce((all, each) => all + each, 0);
    expect(taken[0]! / sum).toBeCloseTo(expected, 1);
    expect(sum).toBeGreaterThan(200);
  });

  it.each([
    ['cannot send', { mayCarry: false }],
    ['was asked to go slower', { slowed: true }],
    ['has had its day’s warm-up', { warming: { full: true } }],
  ] as const)('does not wait for one that %s', (_, state) => {
    const shares = [share(9), share(1)];
    run(shares, [1, 1], 100);
    Object.assign(shares[0]!.lane, state);
    expect(run(shares, [Number.POSITIVE_INFINITY, 1], 500, 100)[1]).toBe(500);
  });

  it('waits three seconds for one that takes nothing, and never lets it make up for what it missed', () => {
    const shares = [share(1), share(1)];
    run(shares, [1, 1], 100);
    const alone = run(shares, [Number.POSITIVE_INFINITY, 1], 10_000, 100)[1]!;
    expect(alone).toBeGreaterThan(6900);
    expect(alone).toBeLessThan(7100);
    const [back, other] = run(shares, [1, 1], 1000, 10_100);
    expect(Math.abs(back! - other!)).toBeLessThan(20);
  });
});
