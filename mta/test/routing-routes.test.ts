import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createResolver, type Resolver } from '../routing/dns.ts';
import { checkRouteMatch, matchRoute, relayHosts } from '../routing/routes.ts';
import type { RelayHost, Route } from '../types.ts';
import { type DnsServer, startDnsServer } from './dns-server.ts';

describe('the most specific route wins', () => {
  const routes: Route[] = ['*', '*.jp', '*.example.jp', 'example.jp', 'mail.example.jp'].map((match, id) => ({
    id,
    match,
  }));
  const table: [string, string | undefined][] = [
    ['example.jp', 'example.jp'],
    ['mail.example.jp', 'mail.example.jp'],
    ['www.example.jp', '*.example.jp'],
    ['a.b.example.jp', '*.example.jp'],
    ['notexample.jp', '*.jp'],
    ['jp', '*'],
    ['example.com', '*'],
  ];
  it.each(table)('%s → %s', (domain, match) => {
    expect(matchRoute(domain, routes)?.match).toBe(match);
    expect(matchRoute(domain, [...routes].reverse())?.match).toBe(match);
  });
  it('no route', () => {
    expect(matchRoute('example.com', [{ id: 1, match: '*.jp' }])).toBeUndefined();
  });
});

describe('the pattern of a route', () => {
  const table: [string, string | undefined][] = [
    ['*', '*'],
    [' Example.JP. ', 'example.jp'],
    ['*.Example.JP', '*.example.jp'],
    ['例え.jp', 'xn--r8jz45g.jp'],
    ['*.例え.jp', '*.xn--r8jz45g.jp'],
    ['internal', 'internal'],
    ['', undefined],
    ['*.', undefined],
    ['**', undefined],
    ['*example.jp', undefined],
    ['a.*.jp', undefined],
    ['a b.jp', undefined],
    ['user@example.jp', undefined],
    ['192.0.2.1', undefined],
    ['127.1', undefined],
    ['-a.jp', undefined],
    [`${'x'.repeat(64)}.jp`, undefined],
  ];
  it.each(table)('%j → %s', (typed, match) => {
    expect(checkRouteMatch(typed)).toEqual(
      match === undefined
        ? { ok: false, message: expect.stringContaining('should be a domain') }
        : { ok: true, match },
    );
  });
});

describe('relay hosts', () => {
  let server: DnsServer;
  let resolver: Resolver;
  beforeAll(async () => {
    server = await startDnsServer({ 'relay.test': { A: ['10.0.0.1', '10.0.0.2'], AAAA: ['fd00::1'] } });
    resolver = createResolver({ servers: [server.address], timeoutMs: 200, tries: 1 });
  });
  afterAll(async () => {
    resolver.close();
    await server.stop();
  });
  const route = (...relay: RelayHost[]): Route => ({ id: 1, match: '*', relay });

  it('may be loopback, private, a name or an address', async () => {
    const hosts: RelayHost[] = [
      { host: 'relay.test', port: 25, user: 'u', password: 'p' },
      { host: '127.0.0.1', port: 2525 },
      { host: '[::1]', port: 2526 },
      { host: 'localhost', port: 2527 },
      { host: 'nowhere.test', port: 25 },
    ];
    const found = await relayHosts(
      route(...hosts),
      resolver,
      () => 0.999,
      async () => [],
    );
    expect(found.map(({ host, address, port }) => ({ host, address, port }))).toEqual([
      { host: 'relay.test', address: expect.stringMatching(/^10\.0\.0\.[12]$/), port: 25 },
      { host: 'relay.test', address: 'fd00::1', port: 25 },
      { host: 'relay.test', address: expect.stringMatching(/^10\.0\.0\.[12]$/), port: 25 },
      { host: '127.0.0.1', address: '127.0.0.1', port: 2525 },
      { host: '[::1]', address: '::1', port: 2526 },
      { host: 'localhost', address: '127.0.0.1', port: 2527 },
    ]);
    expect(found[0]?.relay).toBe(hosts[0]);
  });

  it('are asked of the system when the resolver has no address for them', async () => {
    const asked: string[] = [];
    const lookup = async (name: string) => {
      asked.push(name);
      if (name !== 'sink') throw new Error('ENOTFOUND');
      return [{ address: '172.18.0.3', family: 4 }];
    };
    server.failures.set('broken.test', 'SERVFAIL');
    const hosts = ['relay.test', 'sink', 'broken.test', '10.0.0.9'].map((host) => ({ host, port: 25 }));
    const found = await relayHosts(route(...hosts), resolver, () => 0, lookup);
    expect(found.map(({ host, address }) => `${host} ${address}`)).toEqual(
      expect.arrayContaining(['sink 172.18.0.3', '10.0.0.9 10.0.0.9', 'relay.test fd00::1']),
    );
    expect(found.some(({ host }) => host === 'broken.test')).toBe(false);
    expect(asked.sort()).toEqual(['broken.test', 'sink']);
  });

  it('none: an empty list', async () => {
    expect(await relayHosts({ id: 1, match: '*' }, resolver)).toEqual([]);
  });
});
