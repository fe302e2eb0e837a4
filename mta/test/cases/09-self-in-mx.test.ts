/** 9. This machine in the MX set: equal and worse hosts are dropped, none left is a loop, 5.4.6 (RFC 5321 §5.1). */
import { describe, expect, it } from 'vitest';
import type { Zone } from '../dns-server.ts';
import { lookUp, targets } from '../mx-helpers.ts';
import { startSmallInternet } from '../small-internet.ts';

it('bounces mail that would come back, and connects to nobody behind it', async () => {
  const net = await startSmallInternet({
    zone: {
      'loop.test': {
        MX: [
          [10, 'me.test'],
          [10, 'equal.loop.test'],
          [20, 'worse.loop.test'],
        ],
      },
      'me.test': { A: ['127.9.0.1'] },
      'equal.loop.test': { A: ['127.9.0.2'] },
      'worse.loop.test': { A: ['127.9.0.3'] },
    },
    servers: { '127.9.0.1': [], '127.9.0.2': [], '127.9.0.3': [] },
  });
  const job = net.mta.send(['taro@loop.test']);
  expect(await net.mta.settled(job)).toMatchObject({ bounced: 1 });
  expect(net.mta.ledger(job)).toMatchObject([
    { kind: 'bounced', phase: 'dns', code: 554, status: '5.4.6', reason: 'loop' },
  ]);
  await net.finish();
});

it('tries the better host alone, and waits when it is down', async () => {
  const net = await startSmallInternet({
    zone: {
      'backup.test': {
        MX: [
          [10, 'better.backup.test'],
          [20, 'me.test'],
          [30, 'worse.backup.test'],
        ],
      },
      'better.backup.test': { A: ['127.9.0.1'] },
      'me.test': { A: ['127.9.0.2'] },
      'worse.backup.test': { A: ['127.9.0.3'] },
    },
    servers: { '127.9.0.2': [], '127.9.0.3': [] },
    settings: { retry: { first: 600, cap: 600, jitter: 0, giveUp: 3600 } },
  });
  const job = net.mta.send(['taro@backup.test']);
  expect(await net.mta.until(() => net.mta.ledger(job)[0])).toMatchObject({
    kind: 'deferred',
    phase: 'connect',
    reply: expect.stringContaining('127.9.0.1'),
  });
  await net.finish();
});

it.each([
  ['name', { MX: [[10, 'out.test']] as [number, string][] }],
  ['address', { MX: [[10, 'alias.loop.test']] as [number, string][] }],
])('knows the %s of every source of its pools', async (_, records) => {
  const net = await startSmallInternet({
    zone: {
      'loop.test': records,
      'out.test': { A: ['127.9.0.4'] },
      'alias.loop.test': { A: ['127.9.0.5'] },
    },
    servers: { '127.9.0.4': [], '127.9.0.5': [] },
    settings: {
      pools: [{ id: 1, name: 'Bulk', sources: [{ address: '127.9.0.5', ehlo: 'Out.test', weight: 1 }] }],
    },
  });
  const job = net.mta.send(['taro@loop.test']);
  expect(await net.mta.settled(job)).toMatchObject({ bounced: 1 });
  expect(net.mta.ledger(job)).toMatchObject([{ status: '5.4.6', reason: 'loop', phase: 'dns' }]);
  await net.finish();
});

describe('the machine is known by its names and its addresses', () => {
  const zone: Zone = {
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
    'c.test': { A: ['8.8.8.3'], AAAA: ['2600::3'] },
    'd.test': { A: ['8.8.8.4'] },
  };
  it.each([{ selfNames: ['C.test'] }, { selfAddresses: ['8.8.8.3'] }, { selfAddresses: ['2600:0::3'] }])(
    '%j: equal and worse ones are dropped, better ones stay',
    async (self) => {
      expect(await targets(zone, 'example.test', self)).toEqual(['a.test 8.8.8.1', 'b.test 8.8.8.2']);
    },
  );
  it.each([{ selfNames: ['b.test'] }, { selfAddresses: ['8.8.8.2'] }])('%j: a loop', async (self) => {
    expect((await lookUp(zone, 'example.test', self)).outcome).toMatchObject({
      kind: 'permanent',
      code: 554,
      status: '5.4.6',
      reason: 'loop',
    });
  });
});
