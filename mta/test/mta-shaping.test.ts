/**
 * Providers' limits and what their replies bring about, in the real MTA: mail servers on port 25 of 127.71.0.x, found by their MX as those of
 * anybody, and a provider of our own for each test.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { BackoffTrigger, DeliverySettings, ShapingValues, WaitReason } from '../types.ts';
import { type DnsServer, startDnsServer } from './dns-server.ts';
import { type HarnessStatus, type MtaHarness, startMta } from './mta-harness.ts';
import { type RecordingServer, startRecordingServer } from './recording-server.ts';

let harness: MtaHarness | undefined;
let dns: DnsServer | undefined;
let servers: RecordingServer[] = [];
afterEach(async () => {
  await harness?.close();
  await Promise.all(servers.map((server) => server.stop()));
  await dns?.stop();
  harness = dns = undefined;
  servers = [];
});

/** Two sites of one provider: one.test and two.test. */
async function start(
  values: Partial<ShapingValues>,
  backoff: BackoffTrigger[] = [],
  settings: Partial<DeliverySettings> = {},
): Promise<[MtaHarness, RecordingServer, RecordingServer]> {
  dns = await startDnsServer({
    'one.test': { MX: [[10, 'mx.one.test']] },
    'two.test': { MX: [[10, 'mx.two.test']] },
    'mx.one.test': { A: ['127.71.0.1'] },
    'mx.two.test': { A: ['127.71.0.2'] },
  });
  servers = [
    await startRecordingServer({ host: '127.71.0.1', port: 25 }),
    await startRecordingServer({ host: '127.71.0.2', port: 25 }),
  ];
  harness = await startMta(
    {
      // A route without relays: it lets these domains have servers on loopback.
      routes: [{ id: 1, match: '*.test' }],
      shaping: [{ provider: 'strict', domains: ['one.test', 'two.test'], values, backoff }],
      retry: { first: 1, cap: 1, jitter: 0, giveUp: 3600 },
      ...settings,
    },
    [dns.address],
  );
  return [harness, servers[0]!, servers[1]!];
}
const trigger = (action: BackoffTrigger['action'], forSeconds = 3600): BackoffTrigger => ({
  match: 'go away',
  times: 1,
  withinSeconds: 3600,
  action,
  forSeconds,
});
const many = (count: number, domain = 'one.test'): string[] =>
  Array.from({ length: count }, (_, n) => `p${n}@${domain}`);
const status = (look: (status: HarnessStatus) => boolean): Promise<HarnessStatus> =>
  harness!.until(() => harness!.status && look(harness!.status) && harness!.status);
const waits = (reason: WaitReason, domain = 'one.test'): Promise<HarnessStatus> =>
  status(({ lines }) => lines.some((line) => line.domain === domain && line.waiting === reason));
const lift = (): void => {
  for (const { id } of harness!.spool.throttles()) harness!.spool.liftThrottle(id);
  harness!.mta.send({ type: 'control' });
};

describe('a reply that asks for it', () => {
  it('suspends the lane, which costs no mail an attempt, outlives a restart, and ends when it is lifted', async () => {
    const [mta, one] = await start({}, [trigger({ type: 'suspend' })]);
    one.answer = () => '451 4.7.0 Please go away';
    const job = mta.send(many(30));
    const other = mta.send(['a@two.test']);
    const { sites } = await waits('suspended');
    expect(await mta.settled(other)).toMatchObject({ delivered: 1 });
    expect(sites.find(({ site }) => site === 'mx:mx.one.test')).toMatchObject({
      provider: 'strict',
      waiting: 'suspended',
      waitingUntil: expect.any(Number),
    });
    // Those that were in flight have borne it, and nothing since.
    await status(({ inFlight }) => inFlight === 0);
    const tried = mta.ledger(job).length;
    expect(tried).toBeLessThan(10);
    one.answer = () => undefined;
    await mta.until(() => mta.spool.throttles().length === 1);
    expect(mta.spool.throttles()).toMatchObject([
      { kind: 'suspend', site: 'mx:mx.one.test', provider: 'strict', reply: '451 4.7.0 Please go away' },
    ]);
    await mta.killAndRestart();
    await waits('suspended');
    expect(mta.ledger(job)).toHaveLength(tried);
    lift();
    expect(await mta.settled(job)).toMatchObject({ delivered: 30 });
  });

  it('slows the lane', async () => {
    const [mta, one] = await start({}, [trigger({ type: 'rate', perMinute: 1, connections: 1 })]);
    one.answer = () => '451 4.7.0 Please go away';
    const job = mta.send(many(20));
    await mta.until(() => mta.ledger(job).length > 0);
    one.answer = () => undefined;
    const { sites } = await waits('slowed');
    expect(sites[0]).toMatchObject({ connectionsLimit: 1, ratePerSecond: 1 / 60 });
    expect(mta.spool.job(job)!.delivered).toBeLessThan(10);
    lift();
    expect(await mta.settled(job)).toMatchObject({ delivered: 20 });
  });

  it('also slows mail that is composed already', async () => {
    const [mta, one] = await start({ connections: 1 }, [trigger({ type: 'rate', perMinute: 1 })], {
      retry: { first: 3600, cap: 3600, jitter: 0, giveUp: 86_400 },
    });
    const gate = Promise.withResolvers<void>();
    one.hold = gate.promise;
    const job = mta.send(many(10));
    // The first waits for the reply to its dot, behind which the next one's commands lie already; the third has had a second to be composed.
    const { at } = await status(({ inFlight }) => inFlight >= 3);
    await status((later) => later.at > at);
    one.answer = () => '451 4.7.0 Please go away';
    gate.resolve();
    await mta.until(() => mta.spool.throttles().length === 1);
    one.answer = () => undefined;
    await mta.until(() => mta.ledger(job).length > 1);
    await waits('slowed');
    await status(({ inFlight }) => inFlight === 0);
    expect(mta.ledger(job).map(({ kind }) => kind)).toEqual(['delivered', 'deferred']);
    lift();
    await mta.until(() => mta.spool.job(job)!.delivered === 9);
  });

  it('leaves as many connections as it says, at once', async () => {
    const [mta, one] = await start({}, [trigger({ type: 'connections', count: 1 })]);
    // Enough for a third connection, and then all that are open hold a mail.
    const first = mta.send(many(50));
    await mta.settled(first);
    const gate = Promise.withResolvers<void>();
    one.hold = gate.promise;
    const job = mta.send([...many(20), 'no@one.test']);
    await mta.until(() => one.open.size > 1 && mta.status?.sites[0]?.inFlight);
    one.answer = () => '451 4.7.0 Please go away';
    gate.resolve();
    one.hold = undefined;
    await mta.until(() => mta.spool.throttles().length === 1);
    await status(({ sites }) => sites[0]?.connectionsLimit === 1 && sites[0].connections <= 1);
    expect(one.open.size).toBeLessThanOrEqual(1);
    one.answer = () => undefined;
    expect(await mta.settled(job)).toMatchObject({ delivered: 21 });
  });

  it('speaks of one mailbox: nothing gets slower, even when the connection ends with it', async () => {
    const values = { connections: 10, messagesPerConnection: 100, ratePerSecond: 1000 };
    const [mta, one] = await start(values, [trigger({ type: 'recipient-only' })]);
    await mta.settled(mta.send(many(30)));
    const { sites } = await status(({ sites: all }) => all[0]?.delivered === 30);
    const { connectionsAllowed } = sites[0]!;
    expect(connectionsAllowed).toBeGreaterThan(2);
    let refused = 0;
    one.answer = () => {
      refused += 1;
      return refused <= 3 ? '421 4.2.1 Please go away' : undefined;
    };
    await mta.settled(mta.send(['full1@one.test', 'full2@one.test', 'full3@one.test']));
    expect(refused).toBeGreaterThanOrEqual(3);
    const after = await status(({ sites: all }) => all[0]?.delivered === 33);
    expect(after.sites[0]!.connectionsAllowed).toBeGreaterThanOrEqual(connectionsAllowed);
    expect(mta.spool.throttles()).toEqual([]);
  });

  it('ends the connection after the mail', async () => {
    const [mta, one] = await start({ connections: 1 }, [trigger({ type: 'reconnect' })]);
    one.answer = (recipient) => (recipient.startsWith('p0') ? '550 5.7.1 go away' : undefined);
    const job = mta.send(many(5));
    expect(await mta.settled(job)).toMatchObject({ delivered: 4, bounced: 1 });
    expect(one.connections).toBe(2);
    expect(mta.spool.throttles()).toEqual([]);
  });

  it('pauses the sending domain at that provider, everywhere, and nobody else’s mail', async () => {
    const [mta, one, two] = await start({}, [trigger({ type: 'pause-sending-domain' }, 0)]);
    one.answer = () => '450 4.7.32 go away';
    const job = mta.send(['a@one.test']);
    await mta.until(() => mta.spool.throttles().length === 1);
    const there = mta.send(['b@two.test']);
    const { problems } = await waits('sending-domain-paused', 'two.test');
    expect(problems).toMatchObject([{ code: 'sending-domain-paused', value: 'example.jp' }]);
    const other = mta.send(['c@two.test'], { from: { name: '', address: 'a@other.test' } });
    expect(await mta.settled(other)).toMatchObject({ delivered: 1 });
    expect(two.received.map(({ recipient }) => recipient)).toEqual(['c@two.test']);
    one.answer = () => undefined;
    lift();
    expect(await mta.settled(job)).toMatchObject({ delivered: 1 });
    expect(await mta.settled(there)).toMatchObject({ delivered: 1 });
  });
});

it('pauses a sending domain at all domains of a site, whatever they are known as', async () => {
  const [mta, one] = await start(
    {},
    [],
    // Two domains on the same servers: the one that is known first names the site.
    {
      shaping: [
        {
          provider: 'strict',
          domains: ['one.test'],
          values: {},
          backoff: [trigger({ type: 'pause-sending-domain' }, 0)],
        },
        { provider: 'other', domains: ['also.test'], values: {} },
      ],
    },
  );
  dns!.zone['also.test'] = { MX: [[10, 'mx.one.test']] };
  one.answer = () => '450 4.7.32 go away';
  mta.send(['a@one.test']);
  await mta.until(() => mta.spool.throttles().length === 1);
  mta.send(['b@also.test']);
  await waits('sending-domain-paused', 'also.test');
  expect(one.received).toEqual([]);
});

describe('a limit', () => {
  it('of the message’s size bounces it without a word to the server', async () => {
    const [mta, one] = await start({ maxMessageBytes: 2000 });
    const job = mta.send(['a@one.test'], { text: 'x'.repeat(5000) });
    expect(await mta.settled(job)).toMatchObject({ bounced: 1 });
    expect(mta.ledger(job)).toMatchObject([{ reason: 'too-big', status: '5.3.4', phase: 'none', code: 0 }]);
    expect(one.received).toEqual([]);
  });

  it('of recipients or messages ends a connection, whichever is less', async () => {
    const [mta, one] = await start({ connections: 1, messagesPerConnection: 50, recipientsPerConnection: 3 });
    const job = mta.send(many(9));
    expect(await mta.settled(job)).toMatchObject({ delivered: 9 });
    expect(one.received.map(({ connection }) => connection)).toEqual([1, 1, 1, 2, 2, 2, 3, 3, 3]);
  });

  it('of the provider holds over all its sites', async () => {
    const [mta, one, two] = await start({ connections: 2, providerWide: true, ratePerSecond: 1000 });
    const gate = Promise.withResolvers<void>();
    one.hold = gate.promise;
    const held = mta.send(many(5));
    await mta.until(() => mta.status?.sites.some(({ connections }) => connections === 1));
    const job = mta.send(many(5, 'two.test'));
    // The second slot is kept for mail that cannot wait.
    await waits('reserved', 'two.test');
    expect(two.connections).toBe(0);
    const single = mta.send(['now@two.test'], {}, { class: 'transactional' });
    expect(await mta.settled(single)).toMatchObject({ delivered: 1 });
    expect(mta.spool.job(job)).toMatchObject({ delivered: 0 });
    gate.resolve();
    expect(await mta.settled(held)).toMatchObject({ delivered: 5 });
    expect(await mta.settled(job)).toMatchObject({ delivered: 5 });
  });

  it('of the rate is what mail waits for', async () => {
    const [mta] = await start({ ratePerSecond: 0.01 });
    const job = mta.send(many(5));
    await waits('rate-limit');
    expect(mta.spool.job(job)!.delivered).toBeLessThan(3);
  });

  it('of new connections is what mail waits for', async () => {
    const [mta] = await start({ messagesPerConnection: 1, newConnectionsPerMinute: 1 });
    mta.send(many(5));
    await waits('connect-rate');
  });

  it('keeps one slot of a site from bulk mail', async () => {
    const [mta, one] = await start({ connections: 2 });
    const gate = Promise.withResolvers<void>();
    const seen = Promise.withResolvers<void>();
    one.hold = gate.promise;
    one.answer = (recipient) => void (recipient === 'now@one.test' && seen.resolve());
    const bulk = mta.send(many(10));
    // A slot is kept while the first connection is being opened already: it must be held at its dot, with the next mail's commands behind it.
    const { at } = await status(({ inFlight }) => inFlight >= 2);
    await status((later) => later.at > at);
    await waits('reserved');
    const single = mta.send(['now@one.test'], {}, { class: 'transactional' });
    // The first connection is held at its dot, so this can only be another one.
    await seen.promise;
    gate.resolve();
    expect(await mta.settled(single)).toMatchObject({ delivered: 1 });
    expect(await mta.settled(bulk)).toMatchObject({ delivered: 10 });
    expect(one.received.find(({ recipient }) => recipient === 'now@one.test')).toMatchObject({
      connection: 2,
    });
  });
});

describe('a warming source', () => {
  const source = (address: string, warm: boolean) => ({
    address,
    ehlo: 'me.test',
    weight: 1,
    ...(warm && { warmUp: { startedAt: Date.now(), plan: [3, 10] } }),
  });
  const pool = (...sources: ReturnType<typeof source>[]) => ({
    pools: [{ id: 1, name: 'new', sources }],
    classPools: { bulk: 1 },
  });

  it('sends what its day allows, over all sites of the provider, and keeps count over a restart', async () => {
    const [mta, one, two] = await start({}, [], pool(source('127.0.0.2', true)));
    const job = mta.send([...many(5), ...many(5, 'two.test')]);
    await status(({ lines }) => lines.every(({ waiting }) => waiting === 'warm-up') && lines.length > 0);
    expect(one.received.length + two.received.length).toBe(3);
    await mta.until(() => mta.spool.warmUps()[0]?.sent === 3);
    const { sources } = await status(({ sources: all }) => all[0]?.warmUps[0]?.sent === 3);
    expect(sources[0]!.warmUps).toMatchObject([{ provider: 'strict', step: 0, cap: 3, held: false }]);
    await mta.killAndRestart();
    await status(({ at, lines }) => at > 0 && lines.some(({ waiting }) => waiting === 'warm-up'));
    expect(mta.spool.job(job)).toMatchObject({ delivered: 3 });
  });

  it('counts what was lost without a reply, and not what no server has heard of', async () => {
    const [mta, one] = await start({ maxMessageBytes: 20_000 }, [], pool(source('127.0.0.2', true)));
    const large = mta.send(['large@one.test'], { text: 'x'.repeat(50_000) });
    expect(await mta.settled(large)).toMatchObject({ bounced: 1 });
    let dropped = 0;
    one.answer = () => {
      dropped += 1;
      return dropped <= 2 ? 'drop' : undefined;
    };
    const job = mta.send(many(5));
    await waits('warm-up');
    await mta.until(() => mta.spool.warmUps()[0]?.sent === 3);
    expect(mta.spool.warmUps()).toMatchObject([{ sent: 3, deferred: 2 }]);
    expect(mta.spool.job(job)).toMatchObject({ delivered: 1 });
  });

  it('lets the rest flow to a warm one', async () => {
    const [mta, one] = await start({}, [], pool(source('127.0.0.2', true), source('127.0.0.3', false)));
    const job = mta.send(many(20));
    expect(await mta.settled(job)).toMatchObject({ delivered: 20 });
    const cold = one.received.filter(({ from }) => from === '127.0.0.2').length;
    expect(cold).toBeGreaterThan(0);
    expect(cold).toBeLessThanOrEqual(3);
  });
});
