import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bindAddress, chooseSource, Sources } from '../routing/sources.ts';
import type { IpPool } from '../types.ts';
import { ManualClock } from './manual-clock.ts';

const pool = (id: number, ...addresses: string[]): IpPool => ({
  id,
  name: `pool ${id}`,
  sources: addresses.map((address) => ({ address, ehlo: `mx-${address}`, weight: 1 })),
});

describe('sources', () => {
  let clock: ManualClock;
  let sources: Sources;
  /** addresses that this machine does not have */
  let missing: Set<string>;
  let tried: string[];
  let changes: string[];

  beforeEach(() => {
    clock = new ManualClock();
    missing = new Set();
    tried = [];
    changes = [];
    sources = new Sources({
      bind: async (address) => {
        tried.push(address);
        if (missing.has(address)) throw new Error(`bind EADDRNOTAVAIL ${address}`);
      },
      setTimer: (run, ms) => clock.setTimer(run, ms),
      clearTimer: (timer) => clock.clearTimer(timer),
      now: () => clock.now(),
      onChange: (address, usable) => changes.push(`${address} ${usable ? 'ok' : 'failed'}`),
    });
  });
  afterEach(() => sources.close());
  /** lets the re-test of a timer come to its end */
  const settle = () => new Promise((resolve) => setImmediate(resolve));

  it('are those of the pools, each tried once', async () => {
    await sources.configure([pool(1, '192.0.2.1', '192.0.2.2'), pool(2, '192.0.2.2')]);
    expect(tried).toEqual(['192.0.2.1', '192.0.2.2']);
    expect(['', '192.0.2.1', '192.0.2.2', '192.0.2.3'].map((address) => sources.usable(address))).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect([sources.ehlo('192.0.2.2'), sources.ehlo('192.0.2.3')]).toEqual(['mx-192.0.2.2', undefined]);
    expect(changes).toEqual([]);
  });

  it('are out at once when they cannot be bound, and say why and since when', async () => {
    missing.add('192.0.2.2');
    await sources.configure([pool(1, '192.0.2.1', '192.0.2.2')]);
    expect(changes).toEqual(['192.0.2.2 failed']);
    expect(sources.usable('192.0.2.2')).toBe(false);
    expect(sources.status()).toEqual([
      { address: '192.0.2.1', ehlo: 'mx-192.0.2.1', state: 'ok', error: '', since: 1000 },
      {
        address: '192.0.2.2',
        ehlo: 'mx-192.0.2.2',
        state: 'failed',
        error: 'bind EADDRNOTAVAIL 192.0.2.2',
        since: 1000,
      },
    ]);
  });

  it('come back when binding works again, not before', async () => {
    await sources.configure([pool(1, '192.0.2.1')]);
    clock.advance(5000);
    missing.add('192.0.2.1');
    sources.failed('192.0.2.1', 'bind EADDRNOTAVAIL');
    sources.failed('192.0.2.1', 'bind EADDRNOTAVAIL again');
    expect(changes).toEqual(['192.0.2.1 failed']);
    for (let n = 0; n < 3; n += 1) {
      clock.advance(30_000);
      await settle();
    }
    expect([tried.length, sources.usable('192.0.2.1')]).toEqual([4, false]);
    missing.clear();
    clock.advance(29_999);
    await settle();
    expect(sources.usable('192.0.2.1')).toBe(false);
    clock.advance(1);
    await settle();
    expect(sources.usable('192.0.2.1')).toBe(true);
    expect(sources.status()).toMatchObject([{ state: 'ok', error: '', since: clock.now() }]);
    expect(changes).toEqual(['192.0.2.1 failed', '192.0.2.1 ok']);
    expect(clock.pending).toBe(0);
  });

  it('stay out over a change of the settings, and are forgotten with their pool', async () => {
    missing.add('192.0.2.1');
    await sources.configure([pool(1, '192.0.2.1')]);
    await sources.configure([pool(1, '192.0.2.1', '192.0.2.2')]);
    expect(tried).toEqual(['192.0.2.1', '192.0.2.2']);
    expect(sources.usable('192.0.2.1')).toBe(false);
    await sources.configure([pool(1, '192.0.2.2')]);
    expect(sources.status()).toMatchObject([{ address: '192.0.2.2', state: 'ok' }]);
    clock.advance(60_000);
    await settle();
    expect(clock.pending).toBe(0);
    // nothing is known of it any more
    sources.failed('192.0.2.1', 'late');
    expect(changes).toEqual(['192.0.2.1 failed']);
  });

  it('are tried no more once closed', async () => {
    missing.add('192.0.2.1');
    await sources.configure([pool(1, '192.0.2.1')]);
    sources.close();
    expect(clock.pending).toBe(0);
  });

  it('are really bound', async () => {
    await expect(bindAddress('127.0.0.3')).resolves.toBeUndefined();
    await expect(bindAddress('192.0.2.77')).rejects.toThrow('EADDRNOTAVAIL');
    await expect(bindAddress('not an address.invalid')).rejects.toThrow();
  });
});

describe('the choice of a source', () => {
  /** Who is chosen in so many rounds. */
  function rounds(weights: Record<string, number>, times: number, sent: Record<string, number> = {}): string {
    const counts: Record<string, number> = { ...sent };
    return Array.from({ length: times }, () => {
      const chosen = chooseSource(
        Object.entries(weights).map(([source, weight]) => ({ source, weight, sent: counts[source] ?? 0 })),
      )!.source;
      counts[chosen] = (counts[chosen] ?? 0) + 1;
      return chosen;
    }).join('');
  }

  it.each([
    [{ a: 1 }, 3, 'aaa'],
    [{ a: 1, b: 1 }, 6, 'ababab'],
    [{ a: 1, b: 1, c: 1 }, 6, 'abcabc'],
    [{ a: 2, b: 1 }, 9, 'abaabaaba'],
    [{ a: 5, b: 1, c: 1 }, 14, 'aaabcaaaaabcaa'],
  ] as const)('by the weights %j: %i rounds are %s', (weights, times, expected) => {
    expect(rounds(weights, times)).toBe(expected);
  });

  it('is of whoever is behind', () => {
    expect(rounds({ a: 1, b: 1 }, 4, { a: 3 })).toBe('bbba');
    expect(chooseSource([])).toBeUndefined();
  });

  it('keeps to the shares at any moment', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 2, maxLength: 6 }),
        fc.integer({ min: 1, max: 500 }),
        (weights, times) => {
          const named = Object.fromEntries(weights.map((weight, n) => [`s${n}`, weight]));
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          const counts = new Map<string, number>();
          for (const chosen of rounds(named, times).match(/s\d/g)!)
            counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
          // Each source is within half a mail of weight × λ for one λ, which bounds how far it can be from its share.
          for (const [source, weight] of Object.entries(named)) {
            const off = Math.abs((counts.get(source) ?? 0) - (times * weight) / total);
            expect(off).toBeLessThanOrEqual(0.5 + (weights.length / 2) * (weight / total) + 1e-9);
          }
        },
      ),
    );
  });
});
