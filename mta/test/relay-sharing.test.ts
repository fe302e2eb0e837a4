/** Which relay of a route gets the next mail and the next connection. */
import { describe, expect, it } from 'vitest';
import { troubleOf } from '../queue/relay-state.ts';
import { Relays, type RouteRelays } from '../queue/relays.ts';
import type { Reply, SendOutcome } from '../smtp/types.ts';
import type { RelayHost } from '../types.ts';

function routeOf(hosts: Record<string, Partial<RelayHost>>) {
  const changes: string[] = [];
  const relays = new Relays({ changed: ({ host, state }) => changes.push(`${host.host} ${state}`) });
  const relay = Object.entries(hosts).map(([host, more]) => ({ host, port: 25, ...more }));
  relays.apply([{ id: 1, match: '*', relay }]);
  const route = relays.of(1)!;
  const of = (host: string) => route.find({ host, port: 25 })!;
  return { relays, route, of, changes, relay };
}
const names = (route: RouteRelays): string => route.serving.map(({ host }) => host.host).join(' ');
const targets = (relay: RelayHost[]) =>
  relay.map((each) => ({ host: each.host, address: each.host, port: each.port, relay: each }));

describe('mail goes', () => {
  it.each([
    ['to all with a weight', {}, 'a b'],
    ['to those that are up', { a: 'down' }, 'b'],
    ['to the spares when no other is up', { a: 'down', b: 'down' }, 's t'],
    ['to the spare that is left', { a: 'down', b: 'down', s: 'down' }, 't'],
    [
      'anywhere when none is up, as somebody must find out',
      { a: 'down', b: 'down', s: 'down', t: 'down' },
      'a b s t',
    ],
    ['to one that is up again, and to the spares no more', { b: 'up', a: 'down' }, 'b'],
  ] as const)('%s', (_, states, expected) => {
    const { route, of } = routeOf({ a: {}, b: {}, s: { weight: 0 }, t: { weight: 0 } });
    if (states && 'b' in states && states.b === 'up') of('b').down('gone');
    for (const [host, state] of Object.entries(states)) {
      if (state === 'up') of(host).up();
      else of(host).failed('ECONNREFUSED');
    }
    expect(names(route)).toBe(expected);
    expect(route.allDown).toBe(expected === 'a b s t');
  });
});

/** Each takes a mail whenever it may, `eagerness` ms apart; answers the share of each. */
function shares(route: RouteRelays, hosts: string[], eagerness: number[], from = 0): number[] {
  const taken = hosts.map(() => 0);
  for (let now = from; now < from + 20_000; now += 1)
    hosts.forEach((host, n) => {
      const relay = route.find({ host, port: 25 })!;
      if (now % eagerness[n]! !== 0 || !route.serves(relay) || relay.rate.wait(now) > 0) return;
      if (route.waits(relay, now)) return;
      relay.rate.take(now);
      route.count(relay, now);
      taken[n]! += 1;
    });
  const sum = taken.reduce((all, each) => all + each, 0);
  return taken.map((each) => each / sum);
}

describe('mails follow the weights', () => {
  it.each([
    ['of relays that are as quick', [3, 1], [1, 1], 0.75],
    ['also when the heavier one is slower', [3, 1], [40, 1], 0.75],
    ['also when the lighter one is slower', [9, 1], [1, 5], 0.9],
    ['which are 1 when the route names none', [undefined, undefined], [1, 7], 0.5],
  ] as const)('%s', (_, [a, b], eagerness, expected) => {
    const { route } = routeOf({ a: { weight: a }, b: { weight: b } });
    expect(shares(route, ['a', 'b'], [...eagerness])[0]).toBeCloseTo(expected, 1);
  });

  it('but nobody waits for a relay that needs four times as long as another for a mail', () => {
    const { route, of } = routeOf({ quick: {}, sick: {} });
    route.answered(of('quick'), 20, 0);
    for (let n = 0; n < 50; n += 1) route.answered(of('sick'), 3000, 0);
    expect(of('sick').lagging).toBe(true);
    expect(shares(route, ['quick', 'sick'], [1, 100])[0]).toBeGreaterThan(0.98);
    // Well again: its latest mails count most.
    for (let n = 0; n < 100; n += 1) route.answered(of('sick'), 20, 0);
    expect(of('sick').lagging).toBe(false);
    expect(shares(route, ['quick', 'sick'], [1, 1], 20_000)[0]).toBeCloseTo(0.5, 2);
  });

  it.each([
    ['are all quick', 5, 60],
    ['are all slow', 900, 1100],
  ])('of relays that %s', (_, a, b) => {
    const { route, of } = routeOf({ a: {}, b: {} });
    route.answered(of('a'), a, 0);
    route.answered(of('b'), b, 0);
    expect([of('a').lagging, of('b').lagging]).toEqual([false, false]);
  });

  it('and what a relay’s own rate leaves goes to the others', () => {
    const { route } = routeOf({ a: { ratePerSecond: 10 }, b: {} });
    expect(shares(route, ['a', 'b'], [1, 1])[1]).toBeGreaterThan(0.98);
  });

  it('and one that comes back gets its share, not what it has missed', () => {
    const { route, of } = routeOf({ a: {}, b: {} });
    of('b').failed('gone');
    expect(shares(route, ['a', 'b'], [1, 1])).toEqual([1, 0]);
    of('b').up();
    expect(shares(route, ['a', 'b'], [1, 1], 20_000)[0]).toBeCloseTo(0.5, 1);
  });
});

describe('a new connection', () => {
  it('goes to the relay that is furthest behind, and then to the next', () => {
    const { route, of, relay } = routeOf({ a: { weight: 1 }, b: { weight: 3 }, s: { weight: 0 } });
    const order = () => route.candidates(targets(relay), true, 0).map(({ host }) => host);
    expect(order()).toEqual(['b', 'a']);
    const opened: string[] = [];
    for (let n = 0; n < 8; n += 1) {
      const [first] = order();
      of(first!).connections += 1;
      opened.push(first!);
    }
    expect(opened.filter((host) => host === 'b')).toHaveLength(6);
  });

  it('tries every address of a relay, and none of one that is down or full', () => {
    const { route, of, relay } = routeOf({ a: {}, b: { connections: 1 }, c: {} });
    const two = targets(relay).flatMap((target) => [target, { ...target, address: `${target.host}2` }]);
    of('c').failed('gone');
    expect(route.candidates(two, false, 0).map(({ address }) => address)).toEqual(['a', 'a2', 'b', 'b2']);
    of('b').connections = 1;
    expect(route.candidates(two, false, 0).map(({ address }) => address)).toEqual(['a', 'a2']);
  });

  it.each([
    // connections of a (of 2) and b (of 1) → for bulk mail, for other mail
    [0, 0, undefined, undefined],
    [1, 1, 'reserved', undefined],
    [2, 0, 'reserved', undefined],
    [2, 1, 'connection-limit', 'connection-limit'],
  ] as const)('beside %s and %s: %s for bulk, %s for other mail', (a, b, bulk, urgent) => {
    const { route, of } = routeOf({ a: { connections: 2 }, b: { connections: 1 }, s: { weight: 0 } });
    of('a').connections = a;
    of('b').connections = b;
    expect([route.block(false, 0), route.block(true, 0)]).toEqual([bulk, urgent]);
    expect(route.beyondBulk).toBe(a + b === 3);
  });

  it('is not opened for bulk mail to a relay that has had its share', () => {
    const { route, of, relay } = routeOf({ a: {}, b: { connections: 1 } });
    of('b').connections = 1;
    route.count(of('b'), 0);
    for (let n = 0; n < 9; n += 1) route.count(of('a'), 0);
    expect(route.block(false, 1)).toBe('connection-limit');
    expect(route.candidates(targets(relay), false, 1)).toEqual([]);
    expect(route.block(true, 1)).toBeUndefined();
  });
});

describe('a relay', () => {
  it('is down with its last connection, not before, and says each change once', () => {
    const { of, changes } = routeOf({ a: {} });
    of('a').established = 1;
    of('a').failed('one of many');
    expect(of('a').state).toBe('unknown');
    of('a').established = 0;
    of('a').failed('ECONNRESET');
    of('a').failed('ECONNREFUSED');
    of('a').up();
    of('a').up();
    expect(changes).toEqual(['a down', 'a up']);
  });

  it('keeps what is known of it over new settings, unless it is reached differently now', () => {
    const { relays, of, relay } = routeOf({ a: {}, b: { user: 'u', password: 'wrong' } });
    of('a').up();
    of('b').failed('535 no');
    relays.apply([
      {
        id: 1,
        match: 'x.test',
        relay: [
          { ...relay[0]!, weight: 5 },
          { ...relay[1]!, password: 'right' },
        ],
      },
    ]);
    const status = [...relays].map((each) => each.status(Date.now(), performance.now()));
    expect(status).toMatchObject([
      { host: 'a', state: 'up' },
      { host: 'b', state: 'unknown', error: '', checkedAt: null },
    ]);
    // At once: somebody waits for it.
    expect([...relays][1]!.knownAt).toBe(Number.NEGATIVE_INFINITY);
  });
});

const reply = (code: number, status: string): Reply => ({ code, status, text: `${code} ${status} words` });
const lost = {
  kind: 'lost',
  phase: 'rcpt',
  error: 'ECONNRESET',
  free: false,
  duplicateRisk: false,
  ms: 1,
} as const;
it.each<[string, SendOutcome, ReturnType<typeof troubleOf>]>([
  ['a connection that ends', lost, { text: 'ECONNRESET', itself: false }],
  ['a 421', { ...lost, reply: reply(421, '4.3.2') }, { text: '421 4.3.2 words', itself: false }],
  [
    'a 421 to a command',
    { kind: 'refused', phase: 'mail', reply: reply(421, '4.7.0'), ms: 1 },
    { text: '421 4.7.0 words', itself: false },
  ],
  [
    'a full disk',
    { kind: 'refused', phase: 'mail', reply: reply(452, '4.3.1'), ms: 1 },
    { text: '452 4.3.1 words', itself: true },
  ],
  [
    'maintenance',
    { kind: 'refused', phase: 'dot', reply: reply(450, '4.3.2'), ms: 1 },
    { text: '450 4.3.2 words', itself: true },
  ],
  ['a full mailbox', { kind: 'refused', phase: 'rcpt', reply: reply(452, '4.2.2'), ms: 1 }, undefined],
  ['no such user', { kind: 'refused', phase: 'rcpt', reply: reply(550, '5.1.1'), ms: 1 }, undefined],
  [
    'a mail that is too big',
    { kind: 'refused', phase: 'mail', reply: reply(552, '5.3.1'), ms: 1 },
    undefined,
  ],
  ['acceptance', { kind: 'accepted', reply: reply(250, '2.0.0'), ms: 1 }, undefined],
  ['our own word', { kind: 'local', reply: reply(550, '5.3.4') }, undefined],
])('%s speaks against the relay: %j', (_, outcome, expected) => {
  expect(troubleOf(outcome)).toEqual(expected);
});
