/** 12. A source that cannot be bound never silently becomes another one: its mail waits, unharmed, and somebody is told. */
import { expect, it } from 'vitest';
import { openSession } from '../../smtp/session.ts';
import type { IpPool } from '../../types.ts';
import { startPeer } from '../peer.ts';
import { BYE, startSmallInternet, takes } from '../small-internet.ts';
import { open, options, PIPELINING } from '../smtp-helpers.ts';

/** TEST-NET-1 (RFC 5737): no machine has it. */
const NOBODYS = '192.0.2.1';
const pool = (...addresses: string[]): IpPool[] => [
  {
    id: 1,
    name: 'Bulk',
    sources: addresses.map((address) => ({ address, ehlo: 'out.test', weight: 1 })),
  },
];
const zone = { 'a.test': { A: ['127.12.0.1'] } };
const GREETED = ['S: 220 mx', 'C: EHLO out.test', 'S: 250 mx'];

it('waits without a connection or an attempt, and leaves by the new source once there is one', async () => {
  const net = await startSmallInternet({
    zone,
    servers: { '127.12.0.1': [[...GREETED, ...takes('taro@a.test'), ...BYE]] },
    settings: { pools: pool(NOBODYS), classPools: { bulk: 1 } },
  });
  const { mta } = net;
  const job = mta.send(['taro@a.test']);
  await mta.until(() => mta.status?.lines.some(({ waiting }) => waiting === 'source-failed'));
  expect(mta.status!.problems).toMatchObject([{ code: 'source-failed', value: NOBODYS }]);
  expect(mta.status!.sources).toMatchObject([
    { address: NOBODYS, state: 'failed', error: expect.stringContaining('EADDRNOTAVAIL') },
  ]);
  expect(net.servers['127.12.0.1']!.connections).toBe(0);
  expect(mta.ledger(job)).toEqual([]);

  mta.publish({ pools: pool('127.12.0.9') });
  expect(await mta.settled(job)).toMatchObject({ delivered: 1 });
  expect(mta.ledger(job)).toMatchObject([{ kind: 'delivered', sourceIp: '127.12.0.9', attempt: 1 }]);
  await net.finish();
});

it('the other source of its pool does its work, and no third address ever', async () => {
  const net = await startSmallInternet({
    zone,
    servers: {
      '127.12.0.1': [[...GREETED, ...takes('a@a.test'), ...takes('b@a.test'), ...takes('c@a.test'), ...BYE]],
    },
    settings: {
      pools: pool(NOBODYS, '127.12.0.9'),
      classPools: { bulk: 1 },
      shaping: [{ provider: 'generic', values: { connections: 1, ratePerSecond: 1000 } }],
    },
  });
  const job = net.mta.send(['a@a.test', 'b@a.test', 'c@a.test']);
  expect(await net.mta.settled(job)).toMatchObject({ delivered: 3 });
  for (const row of net.mta.ledger(job))
    expect(row).toMatchObject({ kind: 'delivered', sourceIp: '127.12.0.9', attempt: 1 });
  await net.mta.until(() => net.mta.status?.problems.some(({ code }) => code === 'source-failed'));
  await net.finish();
});

it.each([NOBODYS, 'nonsense'])('a session from %s is not opened', async (localAddress) => {
  const peer = await startPeer([]);
  expect(await openSession(options(peer.port, { localAddress }))).toMatchObject({
    ok: false,
    phase: 'connect',
    bindFailed: true,
  });
  expect(peer.connections).toBe(0);
  await peer.stop();
});

it('a session from an address of this machine comes from there', async () => {
  const peer = await startPeer([[...PIPELINING, '*** eof']]);
  const session = await open(peer.port, { localAddress: '127.12.0.9' });
  expect(session.info.localAddress).toBe('127.12.0.9');
  session.destroy();
  await peer.done;
  await peer.stop();
});
