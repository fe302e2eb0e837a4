/** What tells that the machine around the MTA is ill: its clock, its resolver. */
import { describe, expect, it } from 'vitest';
import type { Bucket } from '../queue/bucket.ts';
import { ClockWatch } from '../queue/clock-watch.ts';
import { DnsProbe } from '../queue/dns-probe.ts';
import { LookUps } from '../queue/look-ups.ts';

const MINUTE = 60_000;

describe('the clock', () => {
  it('was not set back by a time service’s small corrections', () => {
    const watch = new ClockWatch(0, 1_000_000, 0);
    watch.tick(1_000_000, 30_000);
    expect(watch.setBack).toBeUndefined();
  });

  it('was set back until it has caught up', () => {
    const watch = new ClockWatch(0, 100 * MINUTE, 0);
    watch.tick(110 * MINUTE, 10 * MINUTE);
    watch.tick(51 * MINUTE, 11 * MINUTE);
    expect(watch.setBack).toEqual({ since: 51 * MINUTE, by: 60 * MINUTE });
    watch.tick(109 * MINUTE, 69 * MINUTE);
    expect(watch.setBack).toBeDefined();
    watch.tick(110 * MINUTE, 70 * MINUTE);
    expect(watch.setBack).toBeUndefined();
    watch.tick(115 * MINUTE, 75 * MINUTE);
    expect(watch.setBack).toBeUndefined();
  });

  it('was set back while nobody looked: the spool knows a later time', () => {
    const watch = new ClockWatch(200 * MINUTE, 100 * MINUTE, 0);
    watch.tick(100 * MINUTE, 10);
    expect(watch.setBack?.by).toBeGreaterThan(99 * MINUTE);
  });

  it.each([
    ['an hour back', -60, 60],
    ['a few seconds back', -0.1, 0],
    ['not at all', 0, 0],
    ['forward', 60, -60],
  ])('%s: says once by how much it was set', (_, minutes, expected) => {
    const watch = new ClockWatch(0, 1000 * MINUTE, 0);
    expect(watch.tick(1001 * MINUTE, MINUTE)).toBe(0);
    expect(watch.tick((1002 + minutes) * MINUTE, 2 * MINUTE)).toBe(expected * MINUTE);
    expect(watch.tick((1003 + minutes) * MINUTE, 3 * MINUTE)).toBe(0);
  });

  it('says each of two steps', () => {
    const watch = new ClockWatch(0, 1000 * MINUTE, 0);
    expect([watch.tick(940 * MINUTE, 0), watch.tick(910 * MINUTE, 0)]).toEqual([60 * MINUTE, 30 * MINUTE]);
  });

  it('that the spool has seen later is a step at the start', () => {
    const watch = new ClockWatch(200 * MINUTE, 100 * MINUTE, 0);
    expect(watch.tick(100 * MINUTE, 0)).toBe(100 * MINUTE);
  });

  it('that goes forward is only right', () => {
    const watch = new ClockWatch(0, 100 * MINUTE, 0);
    watch.tick(500 * MINUTE, MINUTE);
    watch.tick(501 * MINUTE, 2 * MINUTE);
    expect(watch.setBack).toBeUndefined();
  });
});

describe('the resolver', () => {
  const count = (lookUps: LookUps, domains: number, answered: boolean, now: number): void => {
    for (let n = 0; n < domains; n += 1) lookUps.count(`d${n}.test`, answered, now);
  };

  it.each([
    ['a few broken domains', 4, 0, false],
    ['many broken domains among many good ones', 40, 100, false],
    ['five failures and nothing else', 5, 0, true],
    ['nearly all', 50, 5, true],
  ])('%s', (_, failed, answered, dead) => {
    const lookUps = new LookUps();
    count(lookUps, answered, true, 1000);
    count(lookUps, failed, false, 1000);
    expect(lookUps.deadSince !== undefined).toBe(dead);
  });

  it('is dead until something was answered', () => {
    const lookUps = new LookUps();
    count(lookUps, 5, false, 1000);
    count(lookUps, 1, false, 301_000);
    expect(lookUps.deadSince).toBe(1000);
    count(lookUps, 1, true, 302_000);
    expect(lookUps.deadSince).toBeUndefined();
  });

  it('is not dead because one domain fails again and again', () => {
    const lookUps = new LookUps();
    for (let n = 0; n < 20; n += 1) lookUps.count('broken.test', false, 1000);
    expect(lookUps.deadSince).toBeUndefined();
  });
});

describe('probes of a dead resolver', () => {
  const buckets = Array.from({ length: 50 }, (_, n) => ({ domain: `d${n}.test` }) as Bucket);
  const setUp = (held: Bucket[], answers: (domain: string) => boolean) => {
    const lookUps = new LookUps();
    for (let n = 0; n < 5; n += 1) lookUps.count(`d${n}.test`, false, 1000);
    const asked: string[] = [];
    const retried: Bucket[] = [];
    const hastened: number[] = [];
    const probe = new DnsProbe({
      lookUps,
      held: () => held,
      ask: async (domain) => {
        asked.push(domain);
        return answers(domain);
      },
      retry: (bucket) => retried.push(bucket),
      hasten: (_, rowId) => hastened.push(rowId),
      random: () => 0.999,
    });
    probe.bears(buckets[0]!, 7);
    const round = async (now: number): Promise<void> => {
      probe.tick(now, 1000);
      // What was asked is answered within a few microtasks.
      await new Promise((resolve) => setImmediate(resolve));
    };
    return { lookUps, asked, retried, hastened, round };
  };

  it('ask for five of many, and let all go once they are answered', async () => {
    const { lookUps, asked, retried, hastened, round } = setUp(buckets, () => true);
    await round(0);
    expect(asked).toHaveLength(5);
    expect(lookUps.deadSince).toBeUndefined();
    await round(1000);
    expect(retried).toEqual(buckets);
    expect(hastened).toEqual([7]);
    await round(1e9);
    expect(asked).toHaveLength(5);
  });

  it('are not taken in by one domain that is answered', async () => {
    const { lookUps, retried, round } = setUp(buckets, (domain) => domain === 'd0.test');
    await round(0);
    await round(1000);
    expect(lookUps.deadSince).toBeDefined();
    expect(retried).toEqual([]);
  });

  it('rest between two rounds', async () => {
    const { asked, round } = setUp(buckets, () => false);
    await round(0);
    await round(performance.now() + 1000);
    expect(asked).toHaveLength(5);
    await round(performance.now() + 6000);
    expect(asked).toHaveLength(10);
  });

  it('find nothing to tell of when nobody waits', async () => {
    const { lookUps, round } = setUp([], () => false);
    await round(0);
    expect(lookUps.deadSince).toBeUndefined();
  });
});
