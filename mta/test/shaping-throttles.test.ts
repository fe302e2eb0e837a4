import { beforeEach, describe, expect, it } from 'vitest';
import type { BackOffHit } from '../shaping/back-off.ts';
import { type LaneName, Throttles } from '../shaping/throttles.ts';
import type { BackoffAction, Throttle } from '../types.ts';

const NOW = Date.UTC(2026, 10, 25, 1, 30);
const MINUTE = 60_000;
const lane: LaneName = { source: '192.0.2.1', site: 'mx:mx.example.com', provider: 'generic' };

const hit = (action: BackoffAction, minutes: number | null, at = NOW, trigger = 'busy'): BackOffHit => ({
  action,
  since: at,
  until: minutes === null ? null : at + minutes * MINUTE,
  trigger,
  times: 2,
  reply: '421 busy',
});
const suspend: BackoffAction = { type: 'suspend' };
const slow = (perMinute: number, connections?: number): BackoffAction => ({
  type: 'rate',
  perMinute,
  connections,
});

/** What the table of spool.db would hold. */
class Kept {
  rows = new Map<number, Throttle>();
  full = false;
  save(throttle: Throttle): number {
    if (this.full) throw new Error('disk full');
    const id = throttle.id || this.rows.size + 1;
    this.rows.set(id, { ...throttle, id });
    return id;
  }
  removeOver(now: number): void {
    for (const [id, { until }] of this.rows) if (until !== null && until <= now) this.rows.delete(id);
  }
}

let kept: Kept;
let throttles: Throttles;
beforeEach(() => {
  kept = new Kept();
  throttles = new Throttles(kept);
});
const state = (at = NOW) => {
  const { suspendedUntil, perMinute, connections } = throttles.lane(lane, at);
  return [suspendedUntil === 0 ? 0 : (suspendedUntil - NOW) / MINUTE, perMinute, connections];
};

describe('back-offs of a lane', () => {
  const table: [string, BackOffHit[], unknown[]][] = [
    ['none', [], [0, undefined, undefined]],
    ['suspended', [hit(suspend, 30)], [30, undefined, undefined]],
    ['suspended until it is lifted', [hit(suspend, null)], [Number.POSITIVE_INFINITY, undefined, undefined]],
    ['slowed', [hit(slow(10), 30)], [0, 10, undefined]],
    ['slowed with one connection', [hit(slow(1, 1), 90)], [0, 1, 1]],
    ['one connection', [hit({ type: 'connections', count: 1 }, 60)], [0, undefined, 1]],
    [
      'all at once',
      [hit(suspend, 30), hit(slow(10, 3), 30), hit({ type: 'connections', count: 2 }, 60)],
      [30, 10, 2],
    ],
    [
      'a shorter one after a longer',
      [hit(suspend, 60), hit(suspend, 15, NOW + MINUTE)],
      [60, undefined, undefined],
    ],
    ['a longer one after a shorter', [hit(suspend, 15), hit(suspend, 60)], [60, undefined, undefined]],
    [
      'any after one without an end',
      [hit(suspend, null), hit(suspend, 60)],
      [Number.POSITIVE_INFINITY, undefined, undefined],
    ],
    ['a looser and longer one', [hit(slow(1, 1), 10), hit(slow(60), 90)], [0, 1, 1]],
    ['a stricter and shorter one', [hit(slow(60), 90), hit(slow(1, 1), 10)], [0, 1, 1]],
    [
      'what lasts no time',
      [hit({ type: 'reconnect' }, 0), hit({ type: 'recipient-only' }, 0)],
      [0, undefined, undefined],
    ],
    [
      'a paused sending domain is not the lane',
      [hit({ type: 'pause-sending-domain' }, null)],
      [0, undefined, undefined],
    ],
  ];
  it.each(table)('%s', (_, hits, expected) => {
    for (const each of hits) throttles.apply(each, lane, 'news.example.jp');
    expect(state()).toEqual(expected);
  });

  it('concern that lane alone, and end', () => {
    throttles.apply(hit(suspend, 30), lane, '');
    throttles.apply(hit(slow(10), 60), lane, '');
    expect(throttles.lane({ ...lane, source: '192.0.2.2' }, NOW).causes).toEqual([]);
    expect(throttles.lane({ ...lane, site: 'mx:other.example' }, NOW).causes).toEqual([]);
    expect([29.9, 30, 59.9, 60].map((minutes) => state(NOW + minutes * MINUTE))).toEqual([
      [30, 10, undefined],
      [0, 10, undefined],
      [0, 10, undefined],
      [0, undefined, undefined],
    ]);
  });

  it('answer what is new, so that somebody can be told once', () => {
    expect(throttles.apply(hit(suspend, 30), lane, '')).toMatchObject([
      { kind: 'suspend', trigger: 'busy', times: 2 },
    ]);
    expect(throttles.apply(hit(suspend, 20), lane, '')).toEqual([]);
    expect(throttles.apply(hit(suspend, 30, NOW + MINUTE, 'again'), lane, '')).toMatchObject([
      { since: NOW, until: NOW + 31 * MINUTE, trigger: 'again' },
    ]);
  });

  it('are one for a crowd of refusals within a second, so that the disk is not written for each', () => {
    throttles.apply(hit(suspend, 30), lane, '');
    expect(
      [1, 500, 999, 1000].map((ms) => throttles.apply(hit(suspend, 30, NOW + ms), lane, '').length),
    ).toEqual([0, 0, 0, 1]);
  });

  it('start anew after their end', () => {
    throttles.apply(hit(slow(1, 1), 10), lane, '');
    throttles.apply(hit(slow(60), 10, NOW + 20 * MINUTE), lane, '');
    expect(state(NOW + 20 * MINUTE)).toEqual([0, 60, undefined]);
  });
});

describe('back-offs over all sites of a provider', () => {
  const all: LaneName = { source: '192.0.2.1', site: '', provider: 'gmail' };
  const [here, there] = ['mx:a.google.com', 'mx:b.google.com'].map((site) => ({ ...all, site }));
  const of = (name: LaneName) => {
    const { suspendedUntil, perMinute, connections, together } = throttles.lane(name, NOW);
    return { suspended: suspendedUntil > 0, perMinute, connections, together };
  };
  const none = { perMinute: undefined, connections: undefined };

  it('hold for each of them, of that source and provider only', () => {
    throttles.apply(hit(slow(10, 2), 30), all, '');
    const limits = { perMinute: 10, connections: 2 };
    expect(of(here!)).toEqual({ suspended: false, ...limits, together: limits });
    expect(of(there!)).toEqual(of(here!));
    expect(of({ ...here!, source: '192.0.2.2' })).toEqual({ suspended: false, ...none, together: none });
    expect(of({ ...here!, provider: 'yahoo' })).toEqual({ suspended: false, ...none, together: none });
  });

  it('and those of one site add up', () => {
    throttles.apply(hit(slow(10), 30), all, '');
    throttles.apply(hit(slow(5, 1), 30), here!, '');
    throttles.apply(hit(suspend, 30), there!, '');
    const together = { perMinute: 10, connections: undefined };
    expect(of(here!)).toEqual({ suspended: false, perMinute: 5, connections: 1, together });
    expect(of(there!)).toEqual({ suspended: true, ...together, together });
  });

  it('begin and end for a site that was asked for before', () => {
    throttles.apply(hit(slow(10), 30), { ...here!, site: 'mx:c.google.com' }, '');
    expect(of(here!).suspended).toBe(false);
    throttles.apply(hit(suspend, 30), all, '');
    throttles.flush(NOW);
    expect([of(here!).suspended, of(there!).suspended]).toEqual([true, true]);
    const rest = [...kept.rows.values()].filter(({ kind }) => kind !== 'suspend');
    expect(throttles.load(rest)).toMatchObject([{ ...all, kind: 'suspend' }]);
    expect([of(here!).suspended, of(there!).suspended]).toEqual([false, false]);
  });

  it('are not a paused sending domain, which has no site either', () => {
    throttles.apply(hit({ type: 'pause-sending-domain' }, null), { ...all, source: '' }, 'a.example');
    expect(throttles.lane({ ...here!, source: '' }, NOW).causes).toEqual([]);
  });
});

describe('a paused sending domain', () => {
  it('waits at that provider only, over all sources and sites', () => {
    throttles.apply(
      hit({ type: 'pause-sending-domain' }, null),
      { ...lane, provider: 'gmail' },
      'news.example.jp',
    );
    expect(throttles.pausedDomain('gmail', 'news.example.jp', NOW)).toMatchObject({
      kind: 'sending-domain',
      source: '',
      site: '',
      provider: 'gmail',
      sendingDomain: 'news.example.jp',
      until: null,
    });
    expect(throttles.pausedDomain('gmail', 'example.jp', NOW)).toBeUndefined();
    expect(throttles.pausedDomain('outlook', 'news.example.jp', NOW)).toBeUndefined();
  });

  it('goes on when its time is over', () => {
    throttles.apply(hit({ type: 'pause-sending-domain' }, 5), lane, 'a.example');
    expect(throttles.pausedDomain('generic', 'a.example', NOW + 5 * MINUTE)).toBeUndefined();
  });
});

describe('what is kept', () => {
  it('is written once, prolonged under its id, and removed when it is over', () => {
    throttles.apply(hit(suspend, 30), lane, '');
    throttles.flush(NOW);
    throttles.apply(hit(suspend, 60), lane, '');
    throttles.flush(NOW);
    expect([...kept.rows.values()]).toMatchObject([{ id: 1, kind: 'suspend', until: NOW + 60 * MINUTE }]);
    expect(throttles.tick(NOW + 59 * MINUTE)).toEqual([]);
    expect(throttles.tick(NOW + 60 * MINUTE)).toMatchObject([{ id: 1 }]);
    throttles.flush(NOW + 60 * MINUTE);
    expect([kept.rows.size, throttles.all()]).toEqual([0, []]);
  });

  it('comes back after a restart', () => {
    throttles.apply(hit(suspend, 30), lane, '');
    throttles.apply(hit({ type: 'pause-sending-domain' }, null), lane, 'a.example');
    throttles.flush(NOW);
    throttles = new Throttles(kept);
    throttles.load([...kept.rows.values()]);
    expect(state()[0]).toBe(30);
    expect(throttles.pausedDomain('generic', 'a.example', NOW)).toBeDefined();
  });

  it('is lifted when the server removes it, and only then', () => {
    throttles.apply(hit(suspend, 30), lane, '');
    throttles.flush(NOW);
    expect(throttles.load([...kept.rows.values()])).toEqual([]);
    expect(state()[0]).toBe(30);
    expect(throttles.load([])).toMatchObject([{ id: 1, ...lane, kind: 'suspend' }]);
    expect(state()[0]).toBe(0);
  });

  it('holds though the disk is full, and is written when it no longer is', () => {
    kept.full = true;
    throttles.apply(hit(suspend, 30), lane, '');
    expect(() => throttles.flush(NOW)).toThrow('disk full');
    expect(throttles.load([])).toEqual([]);
    expect(state()[0]).toBe(30);
    kept.full = false;
    throttles.flush(NOW);
    expect(kept.rows.size).toBe(1);
  });

  it('keeps its length when the clock is set back', () => {
    throttles.apply(hit(suspend, 30), lane, '');
    throttles.flush(NOW);
    const back = NOW - 24 * 60 * MINUTE;
    expect(throttles.tick(back)).toMatchObject([{ since: back, until: back + 30 * MINUTE }]);
    expect(throttles.tick(back)).toEqual([]);
    throttles.flush(back);
    expect(throttles.lane(lane, back).suspendedUntil).toBe(back + 30 * MINUTE);
    expect([...kept.rows.values()]).toMatchObject([{ since: back, until: back + 30 * MINUTE }]);
  });
});
