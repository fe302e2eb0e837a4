import { describe, expect, it } from 'vitest';
import { holdsAt, mergeReplies, overlay, pausesOf, queuedOf, readSite } from './standing.ts';
import type { Control, Line } from './types.ts';

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

it('queuedOf adds up the classes of a domain', () => {
  const line = (domain: string, queued: number) => ({ domain, queued }) as Line;
  expect(queuedOf('a.jp', [line('a.jp', 2), line('b.jp', 10), line('a.jp', 3)])).toBe(5);
});

describe('overlay', () => {
  const key = (row: { k: string }) => row.k;
  const row = (k: string, n: number) => ({ k, n });

  it('keeps what a shortened event could not name', () => {
    expect(overlay([row('a', 1), row('b', 1), row('c', 1)], [row('b', 2), row('a', 2)], 2, key)).toEqual([
      row('b', 2),
      row('a', 2),
      row('c', 1),
    ]);
  });

  it('takes an event that was not shortened as the whole', () => {
    expect(overlay([row('a', 1), row('b', 1)], [row('b', 2)], 2, key)).toEqual([row('b', 2)]);
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
