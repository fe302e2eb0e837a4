/** What of MX look-ups is no numbered case (those are in cases/): what a site is, and domains that are none. */
import { expect, it } from 'vitest';
import type { Zone } from './dns-server.ts';
import { lookUp } from './mx-helpers.ts';

it('domains with the same hosts are one site, in whatever order and preference', async () => {
  const zone: Zone = {
    'example.test': {
      MX: [
        [20, 'c.test'],
        [10, 'a.test'],
        [10, 'b.test'],
      ],
    },
    'other.test': {
      MX: [
        [1, 'C.test'],
        [2, 'a.test'],
        [3, 'b.test'],
      ],
    },
    'less.test': { MX: [[1, 'a.test']] },
    'a.test': { A: ['8.8.8.1'] },
    'b.test': { A: ['8.8.8.2'] },
    'c.test': { A: ['8.8.8.3'] },
  };
  const same = { site: 'a.test,b.test,c.test', mxHosts: ['a.test', 'b.test', 'c.test'] };
  expect((await lookUp(zone, 'example.test')).outcome).toMatchObject(same);
  expect((await lookUp(zone, 'other.test')).outcome).toMatchObject(same);
  expect((await lookUp(zone, 'less.test')).outcome).toMatchObject({ site: 'a.test' });
});

it.each(['127.1', '2130706433', 'a b.test', '', '-a.test', `${'x'.repeat(64)}.test`])(
  '%j is no domain: permanent, nothing is asked',
  async (domain) => {
    const { outcome, queries } = await lookUp({}, domain);
    expect(outcome).toMatchObject({ kind: 'permanent', code: 550, status: '5.1.2' });
    expect(queries).toEqual([]);
  },
);

it.each<[string, object]>([
  ['[8.8.8.8]', { kind: 'hosts', hosts: [{ address: '8.8.8.8' }] }],
  ['[IPv6:2600::1]', { kind: 'hosts', hosts: [{ address: '2600::1' }] }],
  ['[127.0.0.1]', { kind: 'permanent', status: '5.4.4' }],
  ['[example.test]', { kind: 'permanent', status: '5.1.2' }],
])('address literal %s', async (domain, expected) => {
  expect((await lookUp({}, domain)).outcome).toMatchObject(expected);
});
