/** One connection against a scripted server, without the rest of the MTA: what TLS it insists on, and which host it takes. */
import { afterEach, describe, expect, it } from 'vitest';
import { Courier, type CourierOwner } from '../queue/courier.ts';
import { Destinations } from '../queue/destinations.ts';
import type { Lane } from '../queue/lane.ts';
import { LaneSources } from '../queue/lane-sources.ts';
import type { OpenFailure } from '../queue/opening.ts';
import { Relays } from '../queue/relays.ts';
import { SessionOpener } from '../queue/session-opener.ts';
import { Site } from '../queue/site.ts';
import type { Resolver } from '../routing/dns.ts';
import { decideTls } from '../routing/tls-policy.ts';
import type { HostTarget } from '../routing/types.ts';
import { createProfiles } from '../shaping/profiles.ts';
import type { Route, TlsMode } from '../types.ts';
import { type Peer, startPeer } from './peer.ts';

let peer: Peer | undefined;
afterEach(() => peer?.stop());

const opener = new SessionOpener({ record: () => {} });
const plain = (mode: TlsMode) => decideTls({ domain: 'example.com', rules: [{ match: '*', mode }] });

/** A site with one lane, whose relays are counted as a route's are. */
function siteTo(hosts: HostTarget[]): Lane {
  const relays = new Relays();
  relays.apply([{ id: 1, match: '*', relay: hosts.flatMap(({ relay }) => relay ?? []) }]);
  const site = new Site(
    {
      key: 'test',
      routeId: 1,
      profile: undefined,
      hosts: async () => hosts,
      connections: 10,
      ratePerSecond: undefined,
      newConnectionsPerMinute: undefined,
    },
    {
      limits: () => ({ cap: undefined, brake: undefined, warming: undefined }),
      throttle: () => {},
      relays: (id) => relays.of(id),
    },
  );
  const sources = new LaneSources();
  sources.apply([], 'me.test');
  site.group(sources.outlet(undefined), plain('opportunistic'));
  return site.lane('')!;
}

/** Opens one connection that has nothing to send. */
async function open(
  lane: Lane,
  mode: TlsMode = 'opportunistic',
): Promise<{ failure?: OpenFailure; courier: Courier }> {
  const failures: OpenFailure[] = [];
  const owner: CourierOwner = {
    opener,
    take: () => undefined,
    compose: () => Promise.reject(new Error('nothing to compose')),
    composed: () => true,
    mayStillGo: () => true,
    giveBack: () => {},
    composeFailed: () => {},
    sent: () => {},
    opened: () => {},
    openFailed: (_, failure) => failures.push(failure),
    ended: (ended) => lane.remove(ended),
  };
  const courier = new Courier(lane.line(plain(mode)), 'example.com', owner);
  lane.add(courier);
  await courier.start();
  return failures[0] ? { failure: failures[0], courier } : { courier };
}

const CLEAR = ['S: 220 mx.test', 'C: EHLO', 'S: 250 mx.test', 'C: QUIT', 'S: 221 Bye', '*** eof'];
const at = (port: number, relay?: HostTarget['relay']): HostTarget => ({
  host: 'mx.test',
  address: '127.0.0.1',
  port,
  relay,
});

describe('TLS', () => {
  it('never speaks of mail in clear to a provider that requires it', async () => {
    peer = await startPeer([CLEAR]);
    const { failure } = await open(siteTo([at(peer.port)]), 'required');
    expect(failure).toMatchObject({ phase: 'starttls', text: expect.stringContaining('TLS is required') });
    await peer.done;
    expect(peer.lines.some((line) => line.startsWith('MAIL'))).toBe(false);
  });

  it("follows a relay's own setting first", async () => {
    peer = await startPeer([CLEAR]);
    const relay = { host: 'mx.test', port: peer.port, tls: 'none' as const };
    const { failure, courier } = await open(siteTo([at(peer.port, relay)]), 'required');
    expect(failure).toBeUndefined();
    courier.stop();
    await peer.done;
  });
});

const known = (records: Record<string, unknown[]>): Resolver =>
  new Proxy({} as Resolver, {
    get: (_, type: string) => async (name: string) => {
      const found = records[`${type} ${name}`];
      return found ? { kind: 'records', records: found, ttl: 60 } : { kind: 'nodata' };
    },
  });

describe('the TLS that a domain gets', () => {
  const resolver = known({
    'mx gmail.com': [{ preference: 5, exchange: 'gmail-smtp-in.l.google.com' }],
    'mx company.test': [{ preference: 1, exchange: 'aspmx.l.google.com' }],
    'mx other.test': [{ preference: 1, exchange: 'mx.other.test' }],
    'a gmail-smtp-in.l.google.com': ['64.233.160.27'],
    'a aspmx.l.google.com': ['64.233.160.26'],
    'a mx.other.test': ['64.233.160.28'],
  });
  const relay: Route = { id: 7, match: 'gmail.com', relay: [{ host: '127.0.0.1', port: 25 }] };
  it.each([
    ['gmail.com', [], 'required'],
    ['company.test', [], 'required'],
    ['other.test', [], 'opportunistic'],
    ['gmail.com', [relay], 'opportunistic'],
  ])('%s by %j: %s', async (domain, routes, tls) => {
    const destinations = new Destinations({
      routes,
      resolver,
      profiles: createProfiles(),
      selfNames: [],
      probeDelay: 1000,
    });
    const found = destinations.peek(domain, Date.now()) ?? (await destinations.find(domain, false));
    expect(found).toMatchObject({ kind: 'site', tls: { mode: tls } });
  });
});

it('asks about 100 domains at a time, and about single mail at once', async () => {
  let asking = 0;
  let most = 0;
  const answer = Promise.withResolvers<void>();
  const resolver = new Proxy({} as Resolver, {
    get: () => async () => {
      asking += 1;
      most = Math.max(most, asking);
      await answer.promise;
      asking -= 1;
      return { kind: 'nxdomain' };
    },
  });
  const destinations = new Destinations({
    routes: [],
    resolver,
    profiles: createProfiles(),
    selfNames: [],
    probeDelay: 1000,
  });
  const all = Array.from({ length: 1000 }, (_, n) => destinations.find(`d${n}.test`, false));
  await Promise.resolve();
  expect(most).toBe(100);
  const urgent = destinations.find('d999.test', true);
  await Promise.resolve();
  expect(most).toBe(101);
  answer.resolve();
  expect(await urgent).toMatchObject({ kind: 'permanent' });
  const found = await Promise.all(all);
  expect(new Set(found.map(({ kind }) => kind))).toEqual(new Set(['permanent']));
  expect(most).toBe(101);
});

it('goes on to the next relay host, and remembers which one did not answer', async () => {
  peer = await startPeer([CLEAR, CLEAR]);
  const gone = await startPeer([]);
  await gone.stop();
  const lane = siteTo([
    at(gone.port, { host: 'a', port: 1, tls: 'none' }),
    at(peer.port, { host: 'b', port: 2, tls: 'none' }),
  ]);
  const first = await open(lane);
  expect(first.failure).toBeUndefined();
  expect(first.courier.host?.port).toBe(peer.port);
  expect(lane.inOrder(await lane.site.spec.hosts()).map(({ port }) => port)).toEqual([peer.port, gone.port]);
  first.courier.stop();
});

it('keeps the connection limit of each relay host', async () => {
  peer = await startPeer([CLEAR, CLEAR]);
  const one = { host: 'a', port: peer.port, tls: 'none' as const, connections: 1 };
  const lane = siteTo([at(peer.port, one)]);
  const first = await open(lane);
  const second = await open(lane);
  expect(first.failure).toBeUndefined();
  expect(second.failure).toMatchObject({ status: '4.4.5' });
  expect(peer.connections).toBe(1);
  first.courier.stop();
});
