/** Who comes next: classes, jobs, domains, groups; and who gets a connection. */
import { describe, expect, it } from 'vitest';
import { Bucket } from '../queue/bucket.ts';
import { slots } from '../queue/concurrency.ts';
import { BULK } from '../queue/group.ts';
import { Job } from '../queue/jobs.ts';
import { LaneSources } from '../queue/lane-sources.ts';
import { Site } from '../queue/site.ts';
import { Turns } from '../queue/turns.ts';
import { decideTls } from '../routing/tls-policy.ts';
import type { DeliveryClass, TlsMode } from '../types.ts';

let ids = 0;
const job = (id: number, kind: DeliveryClass = 'bulk'): Job =>
  new Job({ id, ref: `${id}`, class: kind, state: 'active', poolId: null, fromAddress: 'a@example.jp' });
const bucket = (of: Job, domain: string): Bucket => {
  ids += 1;
  return new Bucket({ id: ids, jobId: of.id, domain, touched: 1, nextAt: 0 }, of);
};
const turn = (times: number, next: () => Bucket | undefined): string =>
  Array.from({ length: times }, () => {
    const found = next();
    return found ? `${found.job.id}${found.domain}` : '-';
  }).join(' ');

describe('in a class', () => {
  it('jobs come in turn, whatever the number of their domains', () => {
    const turns = new Turns();
    const [big, small] = [job(1), job(2)];
    for (const domain of ['a', 'b', 'c']) turns.add(bucket(big, domain));
    turns.add(bucket(small, 'a'));
    expect(turn(8, () => turns.next())).toBe('1a 2a 1b 2a 1c 2a 1a 2a');
  });

  it('a job that has nothing left leaves its turn to the others', () => {
    const turns = new Turns();
    const [one, two] = [bucket(job(1), 'a'), bucket(job(2), 'a')];
    turns.add(one);
    turns.add(two);
    turns.remove(one);
    expect(turn(3, () => turns.next())).toBe('2a 2a 2a');
    turns.remove(two);
    expect(turns.next()).toBeUndefined();
    expect(turns.empty).toBe(true);
  });
});

function siteOf(pools: Record<string, string[]>) {
  const sources = new LaneSources();
  sources.apply(
    Object.entries(pools).map(([id, addresses]) => ({
      id: Number(id),
      name: id,
      sources: addresses.map((address) => ({ address, ehlo: 'a.test', weight: 1 })),
    })),
    'me.test',
  );
  const site = new Site(
    {
      key: 'mx:a',
      routeId: undefined,
      profile: undefined,
      hosts: async () => [],
      connections: 10,
      ratePerSecond: undefined,
      newConnectionsPerMinute: undefined,
    },
    {
      limits: () => ({ cap: undefined, brake: undefined, warming: undefined }),
      throttle: () => {},
      relays: () => undefined,
    },
  );
  const enter = (pool: number | undefined, mode: TlsMode, each: Bucket): Bucket => {
    each.group = site.group(sources.outlet(pool), decideTls({ domain: '', rules: [{ match: '*', mode }] }));
    site.add(each);
    return each;
  };
  const line = (address: string, mode: TlsMode) =>
    site.lane(address)!.line(decideTls({ domain: '', rules: [{ match: '*', mode }] }));
  return { site, enter, line };
}

describe('a connection takes', () => {
  it('transactional before test before bulk, and only bulk mail can be left out', () => {
    const { enter, line } = siteOf({});
    enter(undefined, 'none', bucket(job(1), 'a'));
    const test = enter(undefined, 'none', bucket(job(2, 'test'), 'a'));
    const single = enter(undefined, 'none', bucket(job(3, 'transactional'), 'a'));
    const { lane } = line('', 'none');
    const here = lane.line(single.group!.tls);
    expect(turn(2, () => here.next(BULK, 0))).toBe('3a 3a');
    single.group!.remove(single);
    expect(turn(2, () => here.next(BULK - 1, 0))).toBe('2a 2a');
    test.group!.remove(test);
    expect(turn(2, () => here.next(BULK - 1, 0))).toBe('- -');
    expect(turn(2, () => here.next(BULK, 0))).toBe('1a 1a');
  });

  it('mail of every pool with its source and of its own TLS requirement, in turn', () => {
    const { enter, line } = siteOf({ 1: ['10.0.0.1', '10.0.0.2'], 2: ['10.0.0.2'], 3: ['10.0.0.3'] });
    enter(1, 'required', bucket(job(1), 'a'));
    enter(2, 'required', bucket(job(2), 'a'));
    enter(2, 'none', bucket(job(3), 'a'));
    enter(3, 'required', bucket(job(4), 'a'));
    expect(turn(3, () => line('10.0.0.1', 'required').next(BULK, 0))).toBe('1a 1a 1a');
    expect(turn(4, () => line('10.0.0.2', 'required').next(BULK, 0))).toBe('1a 2a 1a 2a');
    expect(turn(2, () => line('10.0.0.2', 'none').next(BULK, 0))).toBe('3a 3a');
    expect(turn(2, () => line('10.0.0.3', 'required').next(BULK, 0))).toBe('4a 4a');
  });
});

it.each([
  // earned, at most → bulk, urgent
  [2, 10, 2, 3],
  [1, 10, 1, 2],
  [10, 10, 9, 10],
  [12, 10, 9, 10],
  [2, 2, 1, 2],
  [1, 1, 1, 1],
  [5.9, 20, 5, 6],
])(
  'of %s connections earned and %s at most, bulk mail gets %s and urgent mail %s',
  (allowed, limit, bulk, urgent) => {
    expect(slots(allowed, limit)).toEqual({ bulk, urgent });
  },
);
