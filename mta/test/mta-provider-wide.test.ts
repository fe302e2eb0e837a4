/** A provider that counts by source over all its sites (`providerWide`): what it says at one of them holds at the others. */
import { afterEach, describe, expect, it } from 'vitest';
import type { BackoffAction, DeliverySettings, WaitReason } from '../types.ts';
import { type DnsServer, startDnsServer } from './dns-server.ts';
import { type HarnessStatus, type MtaHarness, startMta } from './mta-harness.ts';
import { type RecordingServer, startRecordingServer } from './recording-server.ts';

let mta: MtaHarness;
let dns: DnsServer;
let one: RecordingServer;
let two: RecordingServer;
afterEach(async () => {
  await mta.close();
  await Promise.all([one.stop(), two.stop(), dns.stop()]);
});

/** One provider with two sites, one.test and two.test, that asks for `action` by "go away". */
async function start(action: BackoffAction, settings: Partial<DeliverySettings> = {}): Promise<void> {
  dns = await startDnsServer({
    'one.test': { MX: [[10, 'mx.one.test']] },
    'two.test': { MX: [[10, 'mx.two.test']] },
    'mx.one.test': { A: ['127.72.0.1'] },
    'mx.two.test': { A: ['127.72.0.2'] },
  });
  one = await startRecordingServer({ host: '127.72.0.1', port: 25 });
  two = await startRecordingServer({ host: '127.72.0.2', port: 25 });
  const trigger = { match: 'go away', times: 2, withinSeconds: 3600, action, forSeconds: 3600 };
  mta = await startMta(
    {
      routes: [{ id: 1, match: '*.test' }],
      shaping: [
        {
          provider: 'wide',
          domains: ['one.test', 'two.test'],
          values: { providerWide: true, connections: 10, ratePerSecond: 1000 },
          backoff: [trigger],
        },
      ],
      // Nothing comes back by itself.
      retry: { first: 3600, cap: 3600, jitter: 0, giveUp: 86_400 },
      ...settings,
    },
    [dns.address],
  );
}
const status = (look: (status: HarnessStatus) => boolean): Promise<HarnessStatus> =>
  mta.until(() => mta.status && look(mta.status) && mta.status);
const waits = (reason: WaitReason, domain: string): Promise<HarnessStatus> =>
  status(({ lines }) => lines.some((line) => line.domain === domain && line.waiting === reason));
const many = (count: number, domain: string): string[] =>
  Array.from({ length: count }, (_, n) => `p${n}@${domain}`);
/** One complaint at each site: only together are they as many as the trigger asks for. */
async function trip(job: { poolId?: number } = {}): Promise<void> {
  one.answer = two.answer = () => '451 4.7.0 Please go away';
  for (const to of ['no@one.test', 'no@two.test']) {
    expect(mta.spool.throttles()).toEqual([]);
    const id = mta.send([to], {}, job);
    await mta.until(() => mta.ledger(id).length === 1);
  }
  await mta.until(() => mta.spool.throttles().length === 1);
  one.answer = two.answer = () => undefined;
}

describe('a back-off', () => {
  it('suspends all sites, also after a restart, until it is lifted once', async () => {
    await start({ type: 'suspend' });
    await trip();
    expect(mta.spool.throttles()).toMatchObject([
      { kind: 'suspend', source: '', site: '', provider: 'wide', times: 2 },
    ]);
    const jobs = [mta.send(many(3, 'one.test')), mta.send(many(3, 'two.test'))];
    await waits('suspended', 'one.test');
    const { sites } = await waits('suspended', 'two.test');
    expect(sites).toMatchObject([{ waiting: 'suspended' }, { waiting: 'suspended' }]);
    await mta.killAndRestart();
    await waits('suspended', 'one.test');
    await waits('suspended', 'two.test');
    expect([one.received, two.received]).toEqual([[], []]);
    mta.spool.liftThrottle(mta.spool.throttles()[0]!.id);
    mta.mta.send({ type: 'control' });
    for (const job of jobs) expect(await mta.settled(job)).toMatchObject({ delivered: 3 });
    // What was counted is forgotten with it: it takes two again.
    one.answer = () => '451 4.7.0 Please go away';
    const again = mta.send(['again@one.test']);
    await mta.until(() => mta.ledger(again).length === 1);
    await status(({ at, sites: all }) => at > 0 && all.some(({ deferred }) => deferred === 1));
    expect(mta.spool.throttles()).toEqual([]);
  });

  it('leaves other sources alone', async () => {
    const source = (address: string) => ({ address, ehlo: 'me.test', weight: 1 });
    await start(
      { type: 'suspend' },
      {
        pools: [
          { id: 1, name: 'one', sources: [source('127.0.0.2')] },
          { id: 2, name: 'two', sources: [source('127.0.0.3')] },
        ],
      },
    );
    await trip({ poolId: 1 });
    expect(mta.spool.throttles()).toMatchObject([{ source: '127.0.0.2', site: '' }]);
    const held = mta.send(['a@two.test'], {}, { poolId: 1 });
    expect(await mta.settled(mta.send(['b@two.test'], {}, { poolId: 2 }))).toMatchObject({ delivered: 1 });
    await waits('suspended', 'two.test');
    expect(mta.spool.job(held)).toMatchObject({ settled: 0 });
  });

  it('slows all sites together', async () => {
    await start({ type: 'rate', perMinute: 1 });
    await trip();
    mta.send(many(5, 'one.test'));
    mta.send(many(5, 'two.test'));
    await waits('slowed', 'one.test');
    const { sites } = await waits('slowed', 'two.test');
    expect(sites).toMatchObject([{ ratePerSecond: 1 / 60 }, { ratePerSecond: 1 / 60 }]);
    expect(one.received.length + two.received.length).toBeLessThanOrEqual(1);
  });

  it('leaves as many connections as it says to all sites together', async () => {
    await start({ type: 'connections', count: 1 });
    await trip();
    const gate = Promise.withResolvers<void>();
    one.hold = gate.promise;
    const first = mta.send(many(5, 'one.test'));
    await status(({ sites }) =>
      sites.some(({ site, inFlight }) => site === 'mx:mx.one.test' && inFlight > 0),
    );
    const second = mta.send(many(5, 'two.test'));
    await waits('connection-limit', 'two.test');
    expect([one.open.size, two.open.size]).toEqual([1, 0]);
    gate.resolve();
    expect(await mta.settled(first)).toMatchObject({ delivered: 5 });
    expect(await mta.settled(second)).toMatchObject({ delivered: 5 });
  });
});
