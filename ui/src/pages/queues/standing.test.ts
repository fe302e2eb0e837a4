import { describe, expect, it } from 'vitest';
import { holdsAt, laidOver, mergeReplies, overlay, pausesOf, readSite } from './standing.ts';
import type { Control, Queues } from './types.ts';

describe('readSite', () => {
  it.each([
    ['mx:a.example', { hosts: ['a.example'] }],
    ['mx:a.example,b.example', { hosts: ['a.example', 'b.example'] }],
    ['route:3', { routeId: 3 }],
    ['mx:', { hosts: [] }],
  ])('%s', (key, expected) => {
    expect(readSite(key)).toEqual(expected);
  });
});

describe('holdsAt', () => {
  const at = { source: '192.0.2.1', site: 'mx:a.google.com', provider: 'gmail' };
  it.each([
    ['of the site', { ...at, kind: 'suspend' }, true],
    ['of another site', { ...at, kind: 'suspend', site: 'mx:b.google.com' }, false],
    ['of another source', { ...at, kind: 'suspend', source: '' }, false],
    ['of all the provider’s sites', { ...at, kind: 'rate', site: '' }, true],
    ['of all sites of another provider', { ...at, kind: 'rate', site: '', provider: 'yahoo' }, false],
    ['of a sending domain', { ...at, kind: 'sending-domain', site: '' }, false],
  ] as const)('a back-off %s', (_, throttle, expected) => {
    expect(holdsAt(throttle, at)).toBe(expected);
  });
});

describe('pausesOf', () => {
  const control = (id: number, patch: Partial<Control>) =>
    ({ id, scope: 'domain', value: 'example.jp', action: 'pause', state: 'active', ...patch }) as Control;
  const target = { scope: 'domain', value: 'example.jp', name: 'example.jp', queued: 1 } as const;

  it('tells its own pauses from wider ones', () => {
    const { own, wider } = pausesOf(target, [
      control(1, {}),
      control(2, { value: 'other.jp' }),
      control(3, { scope: 'all', value: '' }),
      control(4, { action: 'reroute' }),
      control(5, { state: 'done' }),
    ]);
    expect(own.map(({ id }) => id)).toEqual([1]);
    expect(wider.map(({ id }) => id)).toEqual([3]);
  });

  it('counts a pause of everything once for everything', () => {
    const all = control(3, { scope: 'all', value: '' });
    expect(pausesOf({ scope: 'all', value: '', name: '', queued: null }, [all])).toEqual({
      own: [all],
      wider: [],
    });
  });
});

describe('overlay', () => {
  const key = (row: { k: string }) => row.k;
  const row = (k: string, n: number) => ({ k, n });

  it('keeps what a shortened event could not name', () => {
    expect(overlay([row('a', 1), row('b', 1), row('c', 1)], [row('b', 2), row('a', 2)], 4, key)).toEqual([
      row('b', 2),
      row('a', 2),
      row('c', 1),
    ]);
  });

  it('takes an event that was not shortened as the whole', () => {
    expect(overlay([row('a', 1), row('b', 1)], [row('b', 2)], 1, key)).toEqual([row('b', 2)]);
  });

  it('keeps no more than there are', () => {
    const known = [row('a', 1), row('b', 1), row('c', 1)];
    expect(overlay(known, [row('d', 2)], 2, key)).toEqual([row('d', 2), row('a', 1)]);
  });
});

describe('laidOver', () => {
  const site = (key: string, replies: { at: string; text: string }[]) => ({ site: key, source: '', replies });
  const view = (sites: object[], total: number, items: object[] = []) =>
    ({
      sites,
      items,
      providers: [],
      sources: [],
      relays: [],
      throttles: [],
      controls: [],
      totals: { sites: total, providers: 0, sources: 0, relays: 0, throttles: 0, controls: 0 },
    }) as unknown as Queues;
  const old = { at: '1', text: 'busy' };

  it('lets the event say whether it is cut', () => {
    const known = view([site('mx:a', [old]), site('mx:b', [])], 2, [{ domain: 'a.jp' }]);
    const keys = (queues: Queues) => queues.sites.map((each) => each.site);
    expect(keys(laidOver(known, view([site('mx:b', [])], 2)))).toEqual(['mx:b', 'mx:a']);
    expect(keys(laidOver(known, view([site('mx:b', [])], 1)))).toEqual(['mx:b']);
  });

  it('shows the event’s lines, and keeps the replies that it does not repeat', () => {
    const news = view([site('mx:a', [])], 1, [{ domain: 'b.jp' }]);
    const found = laidOver(view([site('mx:a', [old])], 1, [{ domain: 'a.jp' }]), news);
    expect(found.items).toEqual([{ domain: 'b.jp' }]);
    expect(found.sites[0]!.replies).toEqual([old]);
  });
});

describe('mergeReplies', () => {
  const reply = (at: string, text = at) => ({ at, text });

  it('puts newer replies first and forgets the oldest', () => {
    expect(mergeReplies([reply('2'), reply('1')], [reply('4'), reply('3')], 3)).toEqual([
      reply('4'),
      reply('3'),
      reply('2'),
    ]);
  });

  it('keeps the whole text of one that is known', () => {
    expect(mergeReplies([reply('2', 'the whole')], [reply('2', 'the w')])).toEqual([reply('2', 'the whole')]);
  });
});
