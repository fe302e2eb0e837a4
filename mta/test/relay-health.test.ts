/** Checks of relays: when they are due, what a check says to the server, and what its answer means. */
import { afterEach, describe, expect, it } from 'vitest';
import type { LaneSources } from '../queue/lane-sources.ts';
import type { Outlets } from '../queue/outlets.ts';
import { RelayWatch } from '../queue/relay-watch.ts';
import { Relays } from '../queue/relays.ts';
import type { Resolver } from '../routing/dns.ts';
import {
  type CheckedRelay,
  checkRelay,
  nextCheckAt,
  type RelayCheck,
  RelayHealth,
} from '../routing/relay-health.ts';
import { issueCertificate } from '../sandbox/certificate.ts';
import type { RelayHost } from '../types.ts';
import { type Peer, type PeerOptions, type Step, startPeer } from './peer.ts';

let peer: Peer | undefined;
afterEach(async () => {
  await peer?.stop();
  peer = undefined;
});

it.each<[string, CheckedRelay, number]>([
  ['new', { state: 'unknown', knownAt: 1000, awaited: false }, 11_000],
  [
    'of another login than before',
    { state: 'unknown', knownAt: Number.NEGATIVE_INFINITY, awaited: false },
    Number.NEGATIVE_INFINITY,
  ],
  ['down', { state: 'down', knownAt: 1000, awaited: false }, 31_000],
  ['up and without mail', { state: 'up', knownAt: 1000, awaited: false }, 181_000],
  ['up and silent with mail in its hands', { state: 'up', knownAt: 1000, awaited: true }, 31_000],
])('a relay that is %s is checked at its time', (_, relay, at) => {
  expect(nextCheckAt(relay)).toBe(at);
});

describe('relays', () => {
  function clinic() {
    const relay = { name: 'a', state: 'up' as CheckedRelay['state'], knownAt: 0, awaited: false };
    const other = { ...relay, name: 'b' };
    const asked: string[] = [];
    const found: string[] = [];
    let answer = Promise.withResolvers<RelayCheck>();
    const health = new RelayHealth({
      relays: () => [relay, other],
      check: ({ name }) => {
        asked.push(name);
        return name === 'a' ? answer.promise : new Promise(() => {});
      },
      checked: (each, result, startedAt) => {
        found.push(`${each.name} ${result.ok} ${startedAt}`);
        answer = Promise.withResolvers();
      },
    });
    const settle = async (result: RelayCheck) => {
      answer.resolve(result);
      await new Promise((resolve) => setImmediate(resolve));
    };
    return { relay, other, health, asked, found, settle };
  }

  it('are asked when quiet, one session at a time, and none waits for another', async () => {
    const { relay, other, health, asked, found, settle } = clinic();
    health.tick(179_999);
    expect(asked).toEqual([]);
    health.tick(180_000);
    health.tick(180_001);
    expect(asked).toEqual(['a', 'b']);
    await settle({ ok: true });
    expect(found).toEqual(['a true 180000']);
    // b has still not answered.
    relay.knownAt = 180_000;
    other.knownAt = 180_000;
    health.tick(360_000);
    expect(asked).toEqual(['a', 'b', 'a']);
  });

  it('that are down are asked every 30 s, or as often as the retries are', async () => {
    const { relay, health, asked, settle } = clinic();
    relay.state = 'down';
    health.tick(29_999);
    expect(asked).toEqual([]);
    health.tick(30_000);
    expect(asked).toEqual(['a']);
    await settle({ ok: false, error: 'ECONNREFUSED', unreachable: true, bindFailed: false });
    relay.knownAt = 30_000;
    health.tick(31_000, 1000);
    expect(asked).toEqual(['a', 'a']);
  });
});

const HELLO: Step[] = ['S: 220 relay.test', 'C: EHLO me.test', 'S: 250-relay.test', 'S: 250 AUTH PLAIN'];
const BYE: Step[] = ['C: QUIT', 'S: 221 Bye', '*** eof'];
const SECURE: Step[] = [
  'S: 220 relay.test',
  'C: EHLO me.test',
  'S: 250-relay.test',
  'S: 250 STARTTLS',
  'C= STARTTLS',
  'S: 220 Go',
  '*** starttls',
  'C: EHLO me.test',
  'S: 250-relay.test',
  'S: 250 AUTH PLAIN',
];
const LOGIN: Step[] = ['C= AUTH PLAIN AHUAcA==', 'S: 235 2.7.0 Welcome'];
const ca = issueCertificate({ commonName: 'Relay CA', ca: true });
const server = issueCertificate({ commonName: 'relay', hosts: ['relay.test'], issuer: ca });
const client = issueCertificate({ commonName: 'todoke', issuer: ca });

async function check(dialogues: Step[][], relay: Partial<RelayHost> = {}, options: PeerOptions = {}) {
  peer = await startPeer(dialogues, { certificate: server, ...options });
  return checkRelay({
    targets: [{ host: 'relay.test', address: '127.0.0.1', port: peer.port }],
    relay: { host: 'relay.test', port: peer.port, ...relay },
    ehloName: 'me.test',
    localAddress: '',
    timeouts: { banner: 50 },
  });
}

describe('a check', () => {
  it.each<[string, Step[], Partial<RelayHost>]>([
    ['greets and takes its leave', [...HELLO, ...BYE], { tls: 'none' }],
    ['logs in', [...HELLO, ...LOGIN, ...BYE], { tls: 'none', user: 'u', password: 'p' }],
    ['encrypts where it can', [...SECURE, ...BYE], {}],
    [
      'verifies, and logs in then',
      [...SECURE, ...LOGIN, ...BYE],
      { tls: 'verified', ca: ca.cert, user: 'u', password: 'p' },
    ],
  ])('%s, without any mail', async (_, dialogue, relay) => {
    expect(await check([dialogue], relay)).toEqual({ ok: true });
    await peer!.done;
    expect(peer!.lines.some((line) => /^(MAIL|RCPT|DATA)/.test(line))).toBe(false);
  });

  it('shows its certificate to a relay that insists on one', async () => {
    const options = { certificate: { ...server, requestCert: true, rejectUnauthorized: true, ca: ca.cert } };
    const relay = { tls: 'verified' as const, ca: ca.cert };
    expect(await check([[...SECURE, ...BYE]], { ...relay, clientCertificate: client }, options)).toEqual({
      ok: true,
    });
    await peer!.done;
    await peer!.stop();
    expect(await check([SECURE], relay, options)).toMatchObject({ ok: false, unreachable: false });
  });

  it.each<[string, Step[], Partial<RelayHost>, Partial<RelayCheck>]>([
    [
      'is full',
      ['S: 421 4.7.0 too many', '*** close'],
      {},
      { error: '421 4.7.0 too many', unreachable: false },
    ],
    [
      'refuses the login',
      [...HELLO, 'C= AUTH PLAIN', 'S: 535 5.7.8 No', ...BYE],
      { tls: 'none', user: 'u', password: 'p' },
      { error: '535 5.7.8 No', unreachable: false },
    ],
    ['has no TLS where TLS must be', [...HELLO, ...BYE], { tls: 'required' }, { unreachable: false }],
    ['shows a stranger’s certificate', [...SECURE.slice(0, 7)], { tls: 'verified' }, { unreachable: false }],
    ['says nothing', ['*** eof'], {}, { error: 'timeout (banner, 0.05 s)', unreachable: true }],
  ])('tells of a relay that %s', async (_, dialogue, relay, expected) => {
    expect(await check([dialogue], relay)).toMatchObject({ ok: false, bindFailed: false, ...expected });
  });

  it('turns to the next address, and tells a source that cannot be bound from a relay that is gone', async () => {
    peer = await startPeer([[...HELLO, ...BYE]]);
    const gone = await startPeer([]);
    await gone.stop();
    const at = (port: number) => ({ host: 'relay.test', address: '127.0.0.1', port });
    const relay = { host: 'relay.test', port: 25, tls: 'none' as const };
    const request = { relay, ehloName: 'me.test', localAddress: '' };
    expect(await checkRelay({ ...request, targets: [at(gone.port), at(peer.port)] })).toEqual({ ok: true });
    expect(await checkRelay({ ...request, targets: [at(gone.port)] })).toMatchObject({
      ok: false,
      unreachable: true,
      bindFailed: false,
    });
    expect(
      await checkRelay({ ...request, targets: [at(gone.port)], localAddress: '192.0.2.1' }),
    ).toMatchObject({
      bindFailed: true,
    });
    expect(await checkRelay({ ...request, targets: [] })).toMatchObject({ ok: false, unreachable: true });
  });
});

describe('what a check means', () => {
  /** One relay at this port, checked at once; answers it and what the queue was told. */
  async function watched(
    port: number,
    more: { established?: number; answers?: boolean; addresses?: string[] },
  ) {
    const told: string[] = [];
    const changed = Promise.withResolvers<void>();
    const relays = new Relays({ changed: () => changed.resolve() });
    relays.apply([{ id: 1, match: '*', relay: [{ host: '127.0.0.1', port, tls: 'none' }] }]);
    const [relay] = [...relays];
    relay!.knownAt = Number.NEGATIVE_INFINITY;
    relay!.established = more.established ?? 0;
    const over = Promise.withResolvers<void>();
    const notChecked = relay!.notChecked.bind(relay!);
    relay!.notChecked = (now) => {
      notChecked(now);
      over.resolve();
    };
    const sources = (more.addresses ?? ['']).map((address) => ({ address, ehlo: 'me.test', failed: false }));
    const watch = new RelayWatch({
      outlets: {
        routeRelays: relays,
        abandon: (_: unknown, why: string) => told.push(`abandoned: ${why}`),
        routeDied: (id: number, ms: number) => told.push(`route ${id} died for ${ms}`),
      } as unknown as Outlets,
      sources: Object.assign(sources, {
        get: (address: string) => sources.find((each) => each.address === address),
      }) as unknown as LaneSources,
      resolver: {} as Resolver,
      probeDelay: () => 300_000,
    });
    watch.tick(performance.now());
    if (more.answers) relay!.answered(5, performance.now() + 1000);
    await Promise.race([changed.promise, over.promise]);
    await new Promise((resolve) => setImmediate(resolve));
    return { relay: relay!, told };
  }
  const REFUSED: Step[] = ['S: 421 4.7.0 too many', '*** close'];
  const gone = async (): Promise<number> => {
    const server = await startPeer([]);
    await server.stop();
    return server.port;
  };

  it('a relay that answers is up, and was reached by this source', async () => {
    peer = await startPeer([[...HELLO, ...BYE]]);
    const { relay, told } = await watched(peer.port, {});
    expect([relay.state, relay.via?.ehlo, told]).toEqual(['up', 'me.test', []]);
  });

  it('one that does not is down, what it carries is given up, and the route’s mail waits', async () => {
    const { relay, told } = await watched(await gone(), { established: 3 });
    expect(relay.state).toBe('down');
    expect(told).toEqual([expect.stringContaining('abandoned: '), 'route 1 died for 300000']);
  });

  it('one that has all its connections open and refuses one more works', async () => {
    peer = await startPeer([REFUSED]);
    const { relay, told } = await watched(peer.port, { established: 1 });
    expect([relay.state, told]).toEqual(['unknown', []]);
  });

  it('one that refuses and has none is down', async () => {
    peer = await startPeer([REFUSED]);
    const { relay } = await watched(peer.port, {});
    expect([relay.state, relay.error]).toEqual(['down', '421 4.7.0 too many']);
  });

  it('one that has answered mail meanwhile works', async () => {
    const { relay, told } = await watched(await gone(), { established: 1, answers: true });
    expect([relay.state, told]).toEqual(['unknown', []]);
  });

  it('one that lets in only one of the pool’s addresses is asked by each', async () => {
    peer = await startPeer([REFUSED, [...HELLO, ...BYE]]);
    const { relay } = await watched(peer.port, { addresses: ['127.0.0.2', '127.0.0.3'] });
    expect([relay.state, relay.via?.address]).toEqual(['up', '127.0.0.3']);
  });

  it('nothing, when our own address cannot be bound', async () => {
    const { relay } = await watched(await gone(), { addresses: ['192.0.2.1'] });
    expect(relay.state).toBe('unknown');
  });
});
