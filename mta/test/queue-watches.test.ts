/** What tells that the machine around the MTA is ill: its clock, its resolver. */
import { describe, expect, it } from 'vitest';
import { ClockWatch } from '../queue/clock-watch.ts';
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
