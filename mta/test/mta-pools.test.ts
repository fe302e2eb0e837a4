/** Pools: which address mail leaves by, seen from the server it comes to (case 12: a source that cannot be bound is never replaced silently). */
import { afterEach, describe, expect, it } from 'vitest';
import type { DeliverySettings, IpPool, SiteStatus } from '../types.ts';
import { type MtaHarness, relayTo, startMta } from './mta-harness.ts';
import { type RecordingServer, startRecordingServer } from './recording-server.ts';

let harness: MtaHarness | undefined;
let server: RecordingServer | undefined;
afterEach(async () => {
  await harness?.close();
  await server?.stop();
  harness = server = undefined;
});

const source = (address: string, weight = 1) => ({ address, ehlo: `out-${address}.test`, weight });
const pool = (id: number, ...sources: IpPool['sources']): IpPool => ({ id, name: `pool ${id}`, sources });

async function start(settings: Partial<DeliverySettings>, relay = {}): Promise<MtaHarness> {
  server = await startRecordingServer();
  harness = await startMta({ routes: relayTo(server.port, relay), ...settings });
  return harness;
}
const froms = (): string[] => [...new Set(server!.received.map(({ from }) => from))].sort();
const many = (count: number): string[] => Array.from({ length: count }, (_, n) => `p${n}@example.com`);

describe('the pool of a mail', () => {
  const pools = [pool(1, source('127.0.0.2')), pool(2, source('127.0.0.3')), pool(3, source('127.0.0.4'))];
  it.each([
    ['the job’s own', 1, { domain: 2, class: 3 }, '127.0.0.2'],
    ['its sending domain’s', undefined, { domain: 2, class: 3 }, '127.0.0.3'],
    ['its class’s', undefined, { class: 3 }, '127.0.0.4'],
    ['none', undefined, {}, '127.0.0.1'],
  ] as const)('is %s', async (_, poolId, named: { domain?: number; class?: number }, expected) => {
    await start({
      pools,
      domains: [
        {
          domain: 'example.jp',
          returnPathDomain: 'b.example.jp',
          dkim: [],
          ...(named.domain !== undefined && { poolId: named.domain }),
        },
      ],
      ...(named.class !== undefined && { classPools: { bulk: named.class } }),
    });
    const job = harness!.send(['a@example.com'], {}, { poolId });
    expect(await harness!.settled(job)).toMatchObject({ delivered: 1 });
    const name = expected === '127.0.0.1' ? 'me.test' : `out-${expected}.test`;
    expect(server!.received).toMatchObject([{ from: expected, ehlo: name }]);
    expect(harness!.ledger(job)).toMatchObject([{ sourceIp: expected }]);
  });

  it('counts for nothing in sandbox mode', async () => {
    await start({ mode: 'sandbox', pools: [pool(1, source('192.0.2.1'))], classPools: { bulk: 1 } });
    const job = harness!.send(['a@example.com']);
    expect(await harness!.settled(job)).toMatchObject({ delivered: 1 });
  });
});

it.each([
  ['as many connections as each source likes', {}],
  ['few slots', { messagesPerConnection: 5, connections: 4 }],
])('shares mail by weight: %s', async (_, relay) => {
  await start(
    { pools: [pool(1, source('127.0.0.2', 3), source('127.0.0.3', 1))], classPools: { bulk: 1 } },
    relay,
  );
  const job = harness!.send(many(400));
  expect(await harness!.settled(job)).toMatchObject({ delivered: 400 });
  const heavy = server!.received.filter(({ from }) => from === '127.0.0.2').length;
  expect(heavy).toBeGreaterThan(280);
  expect(heavy).toBeLessThan(320);
  expect(froms()).toEqual(['127.0.0.2', '127.0.0.3']);
});

it('sends nothing by another address when the only source cannot be bound, and costs no mail an attempt', async () => {
  await start({
    pools: [pool(1, source('192.0.2.1')), pool(2, source('127.0.0.2'))],
    classPools: { bulk: 1 },
  });
  const stuck = harness!.send(['a@example.com', 'b@example.com']);
  await harness!.until(() => harness!.status?.lines.some(({ waiting }) => waiting === 'source-failed'));
  expect(harness!.status!.problems).toMatchObject([{ code: 'source-failed', value: '192.0.2.1' }]);
  expect(harness!.status!.sources).toMatchObject([
    { address: '192.0.2.1', state: 'failed', error: expect.stringContaining('EADDRNOTAVAIL') },
    { address: '127.0.0.2', state: 'ok' },
  ]);
  // Mail of another pool is not concerned.
  const other = harness!.send(['c@example.com'], {}, { poolId: 2 });
  expect(await harness!.settled(other)).toMatchObject({ delivered: 1 });
  expect(server!.received).toMatchObject([{ from: '127.0.0.2' }]);
  expect(harness!.ledger(stuck)).toEqual([]);
  expect(harness!.spool.job(stuck)).toMatchObject({ settled: 0 });
});

it('lets the other sources of the pool do the work of one that cannot be bound', async () => {
  await start({ pools: [pool(1, source('192.0.2.1', 100), source('127.0.0.2'))], classPools: { bulk: 1 } });
  const job = harness!.send(many(20));
  expect(await harness!.settled(job)).toMatchObject({ delivered: 20 });
  expect(froms()).toEqual(['127.0.0.2']);
  expect(harness!.ledger(job).every(({ attempt }) => attempt === 1)).toBe(true);
});

it('waits for a pool that does not exist, and goes on when it does', async () => {
  await start({ pools: [pool(1, source('127.0.0.2'))] });
  const job = harness!.send(['a@example.com'], {}, { poolId: 9 });
  await harness!.until(() => harness!.status?.lines.some(({ waiting }) => waiting === 'no-pool'));
  expect(harness!.status!.problems).toMatchObject([{ code: 'pool-missing', value: '9' }]);
  expect(server!.connections).toBe(0);
  harness!.publish({ pools: [pool(9, source('127.0.0.3'))] });
  expect(await harness!.settled(job)).toMatchObject({ delivered: 1 });
  expect(froms()).toEqual(['127.0.0.3']);
  await harness!.until(() => harness!.status?.problems.length === 0);
});

it('tells of every lane what it has done', async () => {
  await start({ pools: [pool(1, source('127.0.0.2'), source('127.0.0.3'))], classPools: { bulk: 1 } });
  server!.answer = (recipient) => (recipient.startsWith('no') ? '550 5.1.1 Nobody here' : undefined);
  const job = harness!.send([...many(10), 'no1@example.com', 'no2@example.com']);
  await harness!.settled(job);
  const sites = await harness!.until(() => {
    const found: SiteStatus[] = harness!.status?.sites ?? [];
    return found.reduce((sum, { delivered, bounced }) => sum + delivered + bounced, 0) === 12 && found;
  });
  expect(sites.every(({ site }) => site === 'route:1')).toBe(true);
  expect(sites.reduce((sum, { bounced }) => sum + bounced, 0)).toBe(2);
  expect(sites.flatMap(({ replies }) => replies.map(({ text }) => text))).toEqual([
    '550 5.1.1 Nobody here',
    '550 5.1.1 Nobody here',
  ]);
  expect(harness!.status!.relays).toMatchObject([{ routeId: 1, port: server!.port, state: 'up' }]);
});
