import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createResolver, type Resolver } from '../routing/dns.ts';
import { type DnsServer, startDnsServer } from './dns-server.ts';

let server: DnsServer;
let resolver: Resolver;
let now: number;

beforeEach(async () => {
  now = 1000;
  server = await startDnsServer({
    'example.test': {
      MX: [
        [20, 'mx2.example.test'],
        [10, 'MX1.Example.test'],
      ],
      A: ['192.0.2.1', '192.0.2.2'],
      AAAA: ['2001:db8::1'],
      TXT: ['v=spf1 -all', ['two ', 'strings']],
      ttl: 100,
    },
    'null.test': { MX: [[0, '']] },
    'alias.test': { CNAME: 'example.test' },
    '1.2.0.192.in-addr.arpa': { PTR: ['mail.example.test'] },
    // /etc/hosts calls it localhost
    '1.0.0.127.in-addr.arpa': { PTR: ['loop.example.test'] },
    'a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa': { PTR: ['six.example.test'] },
  });
  resolver = createResolver({
    servers: [server.address],
    timeoutMs: 200,
    tries: 1,
    cacheSize: 3,
    now: () => now,
  });
});
afterEach(async () => {
  resolver.close();
  await server.stop();
});

describe('DNS', () => {
  it('answers each type of record', async () => {
    expect(await resolver.mx('example.test')).toEqual({
      kind: 'records',
      ttl: 300,
      records: [
        { preference: 20, exchange: 'mx2.example.test' },
        { preference: 10, exchange: 'mx1.example.test' },
      ],
    });
    expect(await resolver.a('example.test')).toEqual({
      kind: 'records',
      ttl: 100,
      records: ['192.0.2.1', '192.0.2.2'],
    });
    expect(await resolver.aaaa('example.test')).toEqual({
      kind: 'records',
      ttl: 100,
      records: ['2001:db8::1'],
    });
    expect(await resolver.txt('example.test')).toMatchObject({ records: ['v=spf1 -all', 'two strings'] });
    expect(await resolver.cname('alias.test')).toMatchObject({ records: ['example.test'] });
    expect(await resolver.ptr('192.0.2.1')).toMatchObject({ records: ['mail.example.test'] });
    expect(await resolver.ptr('127.0.0.1')).toMatchObject({ records: ['loop.example.test'] });
    expect(await resolver.ptr('2001:db8::a')).toMatchObject({ records: ['six.example.test'] });
    expect(await resolver.mx('null.test')).toMatchObject({ records: [{ preference: 0, exchange: '' }] });
  });

  it('follows an alias', async () => {
    expect(await resolver.a('alias.test')).toMatchObject({ records: ['192.0.2.1', '192.0.2.2'] });
    expect(await resolver.mx('alias.test')).toMatchObject({ kind: 'records', records: [{}, {}] });
  });

  it('tells a name that is not there from one without such records', async () => {
    expect(await resolver.mx('nowhere.test')).toEqual({ kind: 'nxdomain' });
    expect(await resolver.mx('alias.test.')).toMatchObject({ kind: 'records' });
    expect(await resolver.mx('2.0.192.in-addr.arpa')).toEqual({ kind: 'nodata' });
    expect(await resolver.a(`${'x'.repeat(64)}.test`)).toEqual({ kind: 'nxdomain' });
    expect(await resolver.a('a..test')).toEqual({ kind: 'nxdomain' });
  });

  it.each([
    ['SERVFAIL', 'SERVFAIL'],
    ['REFUSED', 'REFUSED'],
    ['timeout', 'TIMEOUT'],
  ] as const)('%s is temporary and is not remembered', async (failure, error) => {
    server.failures.set('*', failure);
    expect(await resolver.mx('example.test')).toEqual({ kind: 'temporary', error });
    server.failures.clear();
    expect(await resolver.mx('example.test')).toMatchObject({ kind: 'records' });
  });

  it('asks once for what is being asked already', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => resolver.a('example.test')));
    expect(new Set(answers).size).toBe(1);
    expect(server.queries).toEqual(['A example.test']);
  });

  it('remembers for as long as the TTL says, and that there is nothing for a minute', async () => {
    await resolver.a('example.test');
    await resolver.a('nowhere.test');
    now += 59_000;
    await resolver.a('EXAMPLE.test');
    await resolver.a('nowhere.test');
    expect(server.queries).toHaveLength(2);
    now += 2000;
    await resolver.a('example.test');
    await resolver.a('nowhere.test');
    expect(server.queries).toEqual(['A example.test', 'A nowhere.test', 'A nowhere.test']);
    now += 40_000;
    await resolver.a('example.test');
    expect(server.queries).toHaveLength(4);
  });

  it('remembers a bounded number of answers, the newest', async () => {
    for (const name of ['a.test', 'b.test', 'c.test', 'd.test']) await resolver.a(name);
    await resolver.a('d.test');
    expect(server.queries).toHaveLength(4);
    await resolver.a('a.test');
    expect(server.queries).toHaveLength(5);
  });
});
