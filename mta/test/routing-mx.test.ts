import { afterEach, describe, expect, it } from 'vitest';
import { createResolver, type Resolver } from '../routing/dns.ts';
import { type MxOptions, resolveMx } from '../routing/mx.ts';
import type { MxOutcome } from '../routing/types.ts';
import { type DnsServer, startDnsServer, type Zone } from './dns-server.ts';

let server: DnsServer | undefined;
let resolver: Resolver | undefined;
afterEach(async () => {
  resolver?.close();
  await server?.stop();
  server = undefined;
});

/** random 0.999… leaves the order of a shuffle as it is */
const KEEP = (): number => 0.999999;

async function resolve(
  zone: Zone,
  domain: string,
  options: MxOptions = {},
  { chase = true } = {},
): Promise<MxOutcome> {
  server ??= await startDnsServer(zone, { chase });
  server.zone = zone;
  resolver = createResolver({ servers: [server.address], timeoutMs: 200, tries: 1 });
  return resolveMx(domain, resolver, { random: KEEP, ...options });
}

/** 'host address' of each target, in order */
function targets(outcome: MxOutcome): string[] {
  if (outcome.kind !== 'hosts') throw new Error(JSON.stringify(outcome));
  return outcome.hosts.map(({ host, address, port }) => `${host} ${address}${port === 25 ? '' : `:${port}`}`);
}

describe('where mail goes', () => {
  it('without MX: to the domain itself (case 1)', async () => {
    const outcome = await resolve({ 'example.test': { A: ['8.8.8.1'], AAAA: ['2600::1'] } }, 'example.test');
    expect(outcome).toEqual({
      kind: 'hosts',
      site: 'example.test',
      mxHosts: ['example.test'],
      hosts: [
        { host: 'example.test', address: '8.8.8.1', port: 25 },
        { host: 'example.test', address: '2600::1', port: 25 },
      ],
    });
  });

  it('an MX that exists but cannot be used never falls back to A (case 2)', async () => {
    const outcome = await resolve(
      { 'example.test': { MX: [[10, 'gone.example.test']], A: ['8.8.8.1'] } },
      'example.test',
    );
    expect(outcome).toMatchObject({ kind: 'permanent', code: 550, status: '5.4.4', reason: 'unknown-host' });
    expect(server!.queries).not.toContain('A example.test');
  });

  it.each(['SERVFAIL', 'timeout'] as const)(
    '%s is temporary: of the MX, and of the only host (case 2)',
    async (failure) => {
      server = await startDnsServer({});
      server.failures.set('example.test', failure);
      expect(await resolve({}, 'example.test')).toMatchObject({
        kind: 'temporary',
        text: expect.stringContaining('MX look-up of example.test failed'),
      });
      server.failures.clear();
      server.failures.set('mx.example.test', failure);
      const zone: Zone = {
        'example.test': {
          MX: [
            [10, 'gone.example.test'],
            [20, 'mx.example.test'],
          ],
          A: ['8.8.8.1'],
        },
      };
      expect(await resolve(zone, 'example.test')).toMatchObject({
        kind: 'temporary',
        text: expect.stringContaining('mx.example.test'),
      });
    },
  );

  it('a host that cannot be looked up does not hinder another that can', async () => {
    server = await startDnsServer({});
    server.failures.set('mx1.example.test', 'SERVFAIL');
    const zone: Zone = {
      'example.test': {
        MX: [
          [10, 'mx1.example.test'],
          [20, 'mx2.example.test'],
        ],
      },
      'mx2.example.test': { A: ['8.8.8.2'] },
    };
    expect(targets(await resolve(zone, 'example.test'))).toEqual(['mx2.example.test 8.8.8.2']);
  });

  it('NXDOMAIN is permanent (case 3)', async () => {
    expect(await resolve({}, 'nowhere.test')).toMatchObject({
      kind: 'permanent',
      code: 550,
      status: '5.1.2',
      reason: 'unknown-host',
    });
  });

  it('a domain without any record that leads to a host is permanent', async () => {
    expect(await resolve({ 'example.test': { TXT: ['x'] } }, 'example.test')).toMatchObject({
      kind: 'permanent',
      status: '5.4.4',
      reason: 'unknown-host',
    });
  });

  it('the null MX is permanent, and no address is looked up (case 4, RFC 7505)', async () => {
    const outcome = await resolve({ 'example.test': { MX: [[0, '']], A: ['8.8.8.1'] } }, 'example.test');
    expect(outcome).toMatchObject({ kind: 'permanent', code: 556, status: '5.1.10', reason: 'null-mx' });
    expect(server!.queries).toEqual(['MX example.test']);
  });

  it('a null MX beside others is no null MX', async () => {
    const zone: Zone = {
      'example.test': {
        MX: [
          [0, ''],
          [10, 'mx.example.test'],
        ],
      },
      'mx.example.test': { A: ['8.8.8.1'] },
    };
    const outcome = await resolve(zone, 'example.test');
    expect(targets(outcome)).toEqual(['mx.example.test 8.8.8.1']);
    expect(outcome).toMatchObject({ site: 'mx.example.test' });
  });

  const four: Zone = {
    'example.test': {
      MX: [
        [20, 'c.test'],
        [10, 'a.test'],
        [10, 'b.test'],
        [30, 'd.test'],
      ],
    },
    'a.test': { A: ['8.8.8.1'] },
    'b.test': { A: ['8.8.8.2'] },
    'c.test': { A: ['8.8.8.3'] },
    'd.test': { A: ['8.8.8.4'] },
  };

  it('by ascending preference, equals shuffled (case 5)', async () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 40; seed += 1) {
      let at = seed;
      const random = (): number => {
        at = (at * 1103515245 + 12345) % 2147483648;
        return at / 2147483648;
      };
      const outcome = await resolve(four, 'example.test', { random });
      const order = targets(outcome)
        .map((target) => target[0])
        .join('');
      expect(order).toMatch(/^(ab|ba)cd$/);
      seen.add(order);
    }
    expect([...seen].sort()).toEqual(['abcd', 'bacd']);
  });

  it('domains with the same hosts are one site, in whatever order and preference', async () => {
    const first = await resolve(
      {
        ...four,
        'other.test': {
          MX: [
            [1, 'D.test'],
            [2, 'a.test'],
            [3, 'c.test'],
            [3, 'b.test'],
          ],
        },
      },
      'example.test',
    );
    const second = await resolveMx('other.test', resolver!, { random: KEEP });
    expect(first).toMatchObject({
      site: 'a.test,b.test,c.test,d.test',
      mxHosts: ['a.test', 'b.test', 'c.test', 'd.test'],
    });
    expect(second).toMatchObject({ site: 'a.test,b.test,c.test,d.test' });
  });

  it('A and AAAA take turns, and attempts are bounded (case 7)', async () => {
    const many = Array.from({ length: 9 }, (_, i) => i + 1);
    const zone: Zone = {
      'example.test': { MX: many.map((i) => [i, `mx${i}.test`]) },
      ...Object.fromEntries(
        many.map((i) => [`mx${i}.test`, { A: many.map((j) => `8.8.${i}.${j}`), AAAA: [`2600::${i}`] }]),
      ),
    };
    const got = targets(await resolve(zone, 'example.test'));
    expect(got).toHaveLength(8);
    expect(got.slice(0, 5)).toEqual([
      'mx1.test 8.8.1.1',
      'mx1.test 2600::1',
      'mx1.test 8.8.1.2',
      'mx1.test 8.8.1.3',
      'mx2.test 8.8.2.1',
    ]);
    expect(server!.queries.filter((query) => query.startsWith('A '))).toHaveLength(5);
    const only6 = targets(await resolve(zone, 'example.test', { families: ['AAAA'] }));
    expect(only6.slice(0, 2)).toEqual(['mx1.test 2600::1', 'mx2.test 2600::2']);
    expect(only6).toHaveLength(8);
  });

  it('an address that several hosts share is tried once', async () => {
    const zone: Zone = {
      'example.test': {
        MX: [
          [10, 'a.test'],
          [20, 'b.test'],
        ],
      },
      'a.test': { A: ['8.8.8.1'] },
      'b.test': { A: ['8.8.8.1', '8.8.8.2'] },
    };
    expect(targets(await resolve(zone, 'example.test'))).toEqual(['a.test 8.8.8.1', 'b.test 8.8.8.2']);
  });

  it.each([true, false])(
    'an alias is followed, by the resolver or by us (case 8; resolver follows: %s)',
    async (chase) => {
      const zone: Zone = {
        'alias.test': { CNAME: 'alias2.test' },
        'alias2.test': { CNAME: 'example.test' },
        'example.test': { MX: [[10, 'mx.test']] },
        'mx.test': { A: ['8.8.8.1'] },
      };
      const outcome = await resolve(zone, 'alias.test', {}, { chase });
      expect(targets(outcome)).toEqual(['mx.test 8.8.8.1']);
    },
  );

  it('an endless alias ends (case 8)', async () => {
    const outcome = await resolve(
      { 'a.test': { CNAME: 'b.test' }, 'b.test': { CNAME: 'a.test' } },
      'a.test',
      {},
      { chase: false },
    );
    expect(outcome).toMatchObject({ kind: 'temporary', text: expect.stringContaining('more than 8 CNAMEs') });
  });

  describe('ourselves in the MX set (case 9)', () => {
    it('equal and worse hosts are dropped, better ones stay', async () => {
      expect(targets(await resolve(four, 'example.test', { selfNames: ['C.test'] }))).toEqual([
        'a.test 8.8.8.1',
        'b.test 8.8.8.2',
      ]);
      expect(targets(await resolve(four, 'example.test', { selfAddresses: ['8.8.8.3'] }))).toEqual([
        'a.test 8.8.8.1',
        'b.test 8.8.8.2',
      ]);
    });
    it.each([{ selfNames: ['b.test'] }, { selfAddresses: ['8.8.8.2'] }])(
      'none left is a loop: %j',
      async (self) => {
        expect(await resolve(four, 'example.test', self)).toMatchObject({
          kind: 'permanent',
          code: 554,
          status: '5.4.6',
          reason: 'loop',
        });
      },
    );
  });

  describe('addresses that are not public (case 10)', () => {
    const inside = [
      '127.0.0.1',
      '10.1.2.3',
      '192.168.1.1',
      '172.16.0.1',
      '169.254.1.1',
      '0.0.0.0',
      '100.64.0.1',
      '224.0.0.1',
      '192.0.2.1',
      '255.255.255.255',
    ];
    const inside6 = [
      '::1',
      '::',
      'fe80::1',
      'fd00::1',
      'ff02::1',
      '2001:db8::1',
      '::ffff:127.0.0.1',
      '::ffff:10.0.0.1',
    ];
    it.each([
      ...inside.map((a) => [a, { A: [a] }] as [string, Zone[string]]),
      ...inside6.map((a) => [a, { AAAA: [a] }] as [string, Zone[string]]),
    ])('%s is refused', async (address, records) => {
      const outcome = await resolve(
        { 'example.test': { MX: [[10, 'mx.test']] }, 'mx.test': records },
        'example.test',
      );
      expect(outcome).toMatchObject({
        kind: 'permanent',
        status: '5.4.4',
        reason: 'unknown-host',
        text: expect.stringContaining('not a public address'),
      });
      expect(address).toBeTruthy();
    });
    it('a public one beside it is used; a route may allow all', async () => {
      const zone: Zone = {
        'example.test': { MX: [[10, 'mx.test']] },
        'mx.test': { A: ['10.0.0.1', '8.8.8.1'] },
      };
      expect(targets(await resolve(zone, 'example.test'))).toEqual(['mx.test 8.8.8.1']);
      expect(targets(await resolve(zone, 'example.test', { allowPrivate: true, port: 2525 }))).toEqual([
        'mx.test 10.0.0.1:2525',
        'mx.test 8.8.8.1:2525',
      ]);
    });
    it('an MX that is an address itself is not used', async () => {
      expect(await resolve({ 'example.test': { MX: [[10, '8.8.8.8']] } }, 'example.test')).toMatchObject({
        kind: 'permanent',
        status: '5.4.4',
      });
    });
  });

  it('an international domain is asked for as A-label (case 11)', async () => {
    const outcome = await resolve(
      { 'xn--r8jz45g.test': { MX: [[10, 'mx.test']] }, 'mx.test': { A: ['8.8.8.1'] } },
      '例え.test',
    );
    expect(targets(outcome)).toEqual(['mx.test 8.8.8.1']);
  });

  it.each(['127.1', '2130706433', 'a b.test', '', '-a.test', `${'x'.repeat(64)}.test`])(
    '%j is no domain: permanent, nothing is asked',
    async (domain) => {
      expect(await resolve({}, domain)).toMatchObject({ kind: 'permanent', code: 550, status: '5.1.2' });
      expect(server!.queries).toEqual([]);
    },
  );

  const literals: [string, object][] = [
    ['[8.8.8.8]', { kind: 'hosts', hosts: [{ address: '8.8.8.8' }] }],
    ['[IPv6:2600::1]', { kind: 'hosts', hosts: [{ address: '2600::1' }] }],
    ['[127.0.0.1]', { kind: 'permanent', status: '5.4.4' }],
    ['[example.test]', { kind: 'permanent', status: '5.1.2' }],
  ];
  it.each(literals)('address literal %s', async (domain, expected) => {
    expect(await resolve({}, domain)).toMatchObject(expected);
  });
});
