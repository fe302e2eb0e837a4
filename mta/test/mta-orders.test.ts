/** What operators order, each action for each scope, in one MTA whose mail has two of everything: domains, sites, providers, sources, senders. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ControlInput } from '../spool/api.ts';
import { CONTROL_SCOPES, type Control, type ControlScope } from '../types.ts';
import { type MtaHarness, startMta } from './mta-harness.ts';
import { type RecordingServer, startRecordingServer } from './recording-server.ts';

let harness: MtaHarness;
let here: RecordingServer;
let elsewhere: RecordingServer;

beforeAll(async () => {
  here = await startRecordingServer();
  elsewhere = await startRecordingServer();
  const relay = (port: number) => [{ host: '127.0.0.1', port, tls: 'none' as const }];
  const source = (address: string) => ({ address, ehlo: 'me.test', weight: 1 });
  harness = await startMta({
    routes: [
      { id: 1, match: 'one.test', relay: relay(here.port) },
      { id: 2, match: 'gmail.com', relay: relay(here.port) },
      { id: 3, match: 'nowhere.invalid', relay: relay(elsewhere.port) },
    ],
    pools: [
      { id: 1, name: 'one', sources: [source('127.0.0.2')] },
      { id: 2, name: 'two', sources: [source('127.0.0.3')] },
      { id: 3, name: 'three', sources: [source('127.0.0.4')] },
    ],
    // Long enough that nothing comes back by itself.
    retry: { first: 3600, cap: 3600, jitter: 0, giveUp: 86_400 },
  });
});
afterEach(() => {
  here.answer = () => undefined;
  for (const { id } of harness.spool.controls()) harness.spool.removeControl(id);
  harness.mta.send({ type: 'control' });
});
afterAll(async () => {
  await harness.close();
  await here.stop();
  await elsewhere.stop();
});

let count = 0;
/** The mail that the order means, and one that differs from it in everything. */
function two(): { meant: number; other: number; meantTo: string; otherTo: string } {
  count += 1;
  const [meantTo, otherTo] = [`p${count}@one.test`, `p${count}@gmail.com`];
  return {
    meantTo,
    otherTo,
    meant: harness.send([meantTo], {}, { ref: `meant ${count}`, poolId: 1 }),
    other: harness.send(
      [otherTo],
      { from: { name: '', address: 'news@other.test' } },
      { ref: `other ${count}`, poolId: 2 },
    ),
  };
}
const namedBy = (scope: ControlScope, job: number): string =>
  ({
    all: '',
    domain: 'one.test',
    site: 'route:1',
    provider: 'generic',
    job: String(job),
    source: '127.0.0.2',
    'sending-domain': 'example.jp',
  })[scope];

function order(input: Partial<ControlInput> & Pick<ControlInput, 'action' | 'scope' | 'value'>): number {
  const id = harness.spool.addControl({ reason: 'a drill', by: 'somebody', ...input });
  harness.mta.send({ type: 'control' });
  return id;
}
const control = (id: number): Control => harness.spool.controls().find((each) => each.id === id)!;
const done = (id: number): Promise<Control> =>
  harness.until(() => control(id).state === 'done' && control(id));
const waits = (job: string, reason: string): Promise<unknown> =>
  harness.until(() =>
    harness.status?.lines.some(({ domain, waiting }) => domain === job && waiting === reason),
  );
const came = (server: RecordingServer, recipient: string) =>
  server.received.find((each) => each.recipient === recipient);

describe.each(CONTROL_SCOPES)('by %s', (scope) => {
  it('pause holds the mail until it is taken back, and no other', async () => {
    const before = harness.spool.createJob({
      ref: `job of ${scope}`,
      class: 'bulk',
      poolId: 1,
      content: {
        from: { name: '', address: 'news@example.jp' },
        subject: 'Hello',
        text: 'Hello',
        track: { opens: false, clicks: false },
      },
    });
    const id = order({ action: 'pause', scope, value: namedBy(scope, before) });
    const to = `pause-${scope}@one.test`;
    harness.spool.enqueue(before, {
      from: 0,
      to: 1,
      rows: [{ address: to, subscriberId: 0, listId: 0, merge: {} }],
    });
    harness.spool.seal(before);
    harness.mta.send({ type: 'wake', jobId: before });
    await waits('one.test', 'paused-by-operator');
    expect(came(here, to)).toBeUndefined();
    if (scope !== 'all') {
      const { other, meant } = two();
      expect(await harness.settled(other)).toMatchObject({ delivered: 1 });
      if (scope !== 'job') expect(harness.spool.job(meant)).toMatchObject({ settled: 0 });
    }
    harness.spool.removeControl(id);
    harness.mta.send({ type: 'control' });
    expect(await harness.settled(before)).toMatchObject({ delivered: 1 });
    expect(came(here, to)).toBeDefined();
  });

  it('bounce returns what is queued, and nothing that comes later', async () => {
    harness.spool.setStopped(true);
    const { meant, other } = two();
    const id = order({ action: 'bounce', scope, value: namedBy(scope, meant) });
    const later = two();
    harness.spool.setStopped(false);
    expect(await done(id)).toMatchObject({ affected: scope === 'all' ? 2 : 1 });
    expect(await harness.settled(meant)).toMatchObject({ bounced: 1 });
    expect(harness.ledger(meant)).toMatchObject([
      {
        kind: 'bounced',
        status: '5.7.1',
        reason: 'other',
        phase: 'none',
        reply: expect.stringMatching(/a drill$/),
      },
    ]);
    expect(harness.ledger(meant)[0]!.reply).not.toContain('somebody');
    expect(await harness.settled(other)).toMatchObject(scope === 'all' ? { bounced: 1 } : { delivered: 1 });
    expect(await harness.settled(later.meant)).toMatchObject({ delivered: 1 });
    expect(await harness.settled(later.other)).toMatchObject({ delivered: 1 });
  });

  it('reroute to a pool sends it from there', async () => {
    const probe = harness.spool.createJob({ ref: `probe ${scope}`, class: 'bulk', content: {} as never });
    // The next job's id is the one after it.
    order({ action: 'reroute', scope, value: namedBy(scope, probe + 1), poolId: 3 });
    const { meant, other, meantTo, otherTo } = two();
    await harness.settled(meant);
    await harness.settled(other);
    expect(came(here, meantTo)).toMatchObject({ from: '127.0.0.4' });
    expect(came(here, otherTo)).toMatchObject({ from: scope === 'all' ? '127.0.0.4' : '127.0.0.3' });
  });

  it('retry makes what was put off due at once, and no other', async () => {
    here.answer = () => '451 4.3.0 Later';
    const { meant, other, meantTo } = two();
    await harness.until(() => harness.ledger(meant).length + harness.ledger(other).length === 2);
    here.answer = () => undefined;
    const id = order({ action: 'retry', scope, value: namedBy(scope, meant) });
    expect(await done(id)).toMatchObject({ affected: scope === 'all' ? 2 : 1 });
    expect(await harness.settled(meant)).toMatchObject({ delivered: 1 });
    expect(came(here, meantTo)).toBeDefined();
    expect(harness.spool.job(other)).toMatchObject({ settled: scope === 'all' ? 1 : 0 });
    harness.spool.setJobState(other, 'cancelled');
    harness.mta.send({ type: 'job', jobId: other });
    await harness.settled(other);
  });
});

describe.each(CONTROL_SCOPES.filter((scope) => scope !== 'source'))('by %s', (scope) => {
  it('reroute to a route sends it there', async () => {
    const probe = harness.spool.createJob({ ref: `route ${scope}`, class: 'bulk', content: {} as never });
    const id = order({ action: 'reroute', scope, value: namedBy(scope, probe + 1), routeId: 3 });
    const { meant, other, meantTo, otherTo } = two();
    await harness.settled(meant);
    await harness.settled(other);
    expect(came(elsewhere, meantTo)).toBeDefined();
    expect(came(scope === 'all' ? elsewhere : here, otherTo)).toBeDefined();
    harness.spool.removeControl(id);
    harness.mta.send({ type: 'control' });
    const next = two();
    await harness.settled(next.meant);
    expect(came(here, next.meantTo)).toBeDefined();
  });
});

it('a pause outlives a restart, and ends by itself at its time', async () => {
  const until = Date.now() + 6000;
  const id = order({ action: 'pause', scope: 'domain', value: 'one.test', until });
  const { meant, other } = two();
  await harness.settled(other);
  await harness.killAndRestart();
  await waits('one.test', 'paused-by-operator');
  expect(harness.spool.job(meant)).toMatchObject({ settled: 0 });
  expect(await harness.settled(meant)).toMatchObject({ delivered: 1 });
  expect(Date.now()).toBeGreaterThanOrEqual(until);
  expect(await done(id)).toMatchObject({ affected: 0 });
});

it('a retry tries a site at once that was given up for now', async () => {
  const { port } = here;
  await here.stop();
  const { meant } = two();
  await waits('one.test', 'relay-down');
  here = await startRecordingServer({ port });
  order({ action: 'retry', scope: 'site', value: 'route:1' });
  expect(await harness.settled(meant)).toMatchObject({ delivered: 1 });
});
