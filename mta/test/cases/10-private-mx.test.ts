/** 10. An MX at a loopback, private or otherwise internal address is refused, unless a route that names the domain allows it. */
import { describe, expect, it } from 'vitest';
import type { Zone } from '../dns-server.ts';
import { lookUp, targets } from '../mx-helpers.ts';
import { BYE, HELLO, startSmallInternet, takes } from '../small-internet.ts';

const zone: Zone = {
  'inside.test': { MX: [[10, 'mx.inside.test']] },
  'mx.inside.test': { A: ['127.10.0.1'] },
};

describe('without a route that names the domain nobody connects', () => {
  it.each<[string, { id: number; match: string }[]]>([
    ['no route at all', []],
    ['a route for everything', [{ id: 1, match: '*' }]],
    ['a route for another domain', [{ id: 1, match: 'other.test' }]],
  ])('%s', async (_, routes) => {
    const net = await startSmallInternet({ zone, servers: { '127.10.0.1': [] }, settings: { routes } });
    const job = net.mta.send(['taro@inside.test']);
    expect(await net.mta.settled(job)).toMatchObject({ bounced: 1 });
    expect(net.mta.ledger(job)).toMatchObject([
      {
        kind: 'bounced',
        phase: 'dns',
        code: 550,
        status: '5.4.4',
        reason: 'unknown-host',
        reply: expect.stringContaining('127.10.0.1, which is not a public address'),
        sourceIp: '',
      },
    ]);
    await net.finish();
  });
});

it.each(['inside.test', '*.test'])('a route for %s may lead there', async (match) => {
  const net = await startSmallInternet({
    zone,
    servers: { '127.10.0.1': [[...HELLO, ...takes('taro@inside.test'), ...BYE]] },
    settings: { routes: [{ id: 1, match }] },
  });
  const job = net.mta.send(['taro@inside.test']);
  expect(await net.mta.settled(job)).toMatchObject({ delivered: 1 });
  await net.finish();
});

describe('what is not public', () => {
  const v4 = [
    ...['127.0.0.1', '10.1.2.3', '192.168.1.1', '172.16.0.1', '172.31.255.255', '169.254.1.1', '0.0.0.0'],
    ...['100.64.0.1', '224.0.0.1', '192.0.2.1', '198.51.100.1', '203.0.113.1', '198.18.0.1', '240.0.0.1'],
    '255.255.255.255',
  ];
  const v6 = [
    ...['::1', '::', 'fe80::1', 'fd00::1', 'fc00::1', 'ff02::1', '2001:db8::1'],
    // IPv4 in the clothes of IPv6: mapped, NAT64 (RFC 6052), 6to4 (RFC 3056), Teredo (RFC 4380)
    ...['::ffff:127.0.0.1', '::ffff:10.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::', '2001::1'],
  ];
  const records: [string, Zone[string]][] = [
    ...v4.map((address) => [address, { A: [address] }] as [string, Zone[string]]),
    ...v6.map((address) => [address, { AAAA: [address] }] as [string, Zone[string]]),
  ];
  it.each(records)('%s', async (_, record) => {
    const { outcome } = await lookUp(
      { 'example.test': { MX: [[10, 'mx.test']] }, 'mx.test': record },
      'example.test',
    );
    expect(outcome).toMatchObject({
      kind: 'permanent',
      status: '5.4.4',
      reason: 'unknown-host',
      text: expect.stringContaining('not a public address'),
    });
  });

  it.each([{ A: ['8.8.8.8'] }, { A: ['172.32.0.1'] }, { A: ['100.128.0.1'] }, { AAAA: ['2600::1'] }])(
    'and what is: %j',
    async (record) => {
      const got = await targets({ 'example.test': record }, 'example.test');
      expect(got).toHaveLength(1);
    },
  );
});

it('a public address beside a private one is used alone; a route takes both', async () => {
  const mixed: Zone = {
    'example.test': { MX: [[10, 'mx.test']] },
    'mx.test': { A: ['10.0.0.1', '8.8.8.1'] },
  };
  expect(await targets(mixed, 'example.test')).toEqual(['mx.test 8.8.8.1']);
  expect(await targets(mixed, 'example.test', { allowPrivate: true })).toEqual([
    'mx.test 10.0.0.1',
    'mx.test 8.8.8.1',
  ]);
});

it('an MX that is an address instead of a name is not used (RFC 5321 §5.1)', async () => {
  const { outcome } = await lookUp({ 'example.test': { MX: [[10, '8.8.8.8']] } }, 'example.test');
  expect(outcome).toMatchObject({ kind: 'permanent', status: '5.4.4' });
});
