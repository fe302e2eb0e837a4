/** A route's relays as they go and come back, seen by the real process: checks bring traffic back, and nobody has to do anything. */
import { afterEach, expect, it } from 'vitest';
import type { RelayHost } from '../types.ts';
import { type MtaHarness, startMta } from './mta-harness.ts';
import { type RecordingServer, startRecordingServer } from './recording-server.ts';

let harness: MtaHarness | undefined;
let servers: RecordingServer[] = [];
afterEach(async () => {
  await harness?.close();
  await Promise.all(servers.map((server) => server.stop()));
  harness = undefined;
  servers = [];
});

/** One relay a server; checks of those that are down follow the retries: every second. */
async function start(...relays: Partial<RelayHost>[]): Promise<[MtaHarness, ...RecordingServer[]]> {
  servers = await Promise.all(relays.map(() => startRecordingServer()));
  const relay = servers.map(({ port }, n) => ({
    host: '127.0.0.1',
    port,
    tls: 'none' as const,
    ...relays[n],
  }));
  harness = await startMta({
    routes: [{ id: 1, match: '*', relay }],
    retry: { first: 1, cap: 1, jitter: 0, giveUp: 3600 },
  });
  return [harness, ...servers];
}
const people = (count: number, name = 'p'): string[] =>
  Array.from({ length: count }, (_, n) => `${name}${n}@example.com`);
const state = (mta: MtaHarness, port: number) =>
  mta.status?.relays.find((relay) => relay.port === port)?.state;
const counts = (all: RecordingServer[]): number[] => all.map(({ received }) => received.length);

it('shares a campaign by the weights, and leaves a spare alone', async () => {
  const [mta, ...relays] = await start({ weight: 3 }, { weight: 1 }, { weight: 0 });
  expect(await mta.settled(mta.send(people(2000)))).toMatchObject({ delivered: 2000 });
  const [heavy, light, spare] = counts(relays);
  expect(spare).toBe(0);
  expect(heavy! + light!).toBe(2000);
  expect(heavy! / 2000).toBeGreaterThan(0.72);
  expect(heavy! / 2000).toBeLessThan(0.78);
});

it('goes to the spare when the only relay dies, and comes back by itself', async () => {
  const [mta, first, spare] = await start({}, { weight: 0 });
  await mta.settled(mta.send(people(10)));
  expect(counts([first!, spare!])).toEqual([10, 0]);
  const { port } = first!;
  await first!.stop();
  expect(await mta.settled(mta.send(people(10)))).toMatchObject({ delivered: 10 });
  expect(spare!.received).toHaveLength(10);
  await mta.until(() => state(mta, port) === 'down' && mta.status?.problems[0]?.code === 'relay-down');
  // No mail asks for it: only a check can find it.
  servers[0] = await startRecordingServer({ port });
  await mta.until(() => state(mta, port) === 'up' && mta.status?.problems.length === 0);
  await mta.settled(mta.send(people(10)));
  expect([servers[0].received.length, spare!.received.length]).toEqual([10, 10]);
});

it('waits for the relays when all of them are down, and goes on when one is up', async () => {
  const [mta, first, second] = await start({}, {});
  const { port } = first!;
  await Promise.all([first!.stop(), second!.stop()]);
  const job = mta.send(people(50));
  const waiting = await mta.until(
    () => mta.status?.sites.find(({ site }) => site === 'route:1')?.waiting === 'relay-down' && mta.status,
  );
  expect(waiting.relays.map((relay) => relay.state)).toEqual(['down', 'down']);
  expect(waiting.problems.map(({ code }) => code)).toEqual(['relay-down', 'relay-down']);
  servers[0] = await startRecordingServer({ port });
  expect(await mta.settled(job)).toMatchObject({ delivered: 50 });
  expect(servers[0].received).toHaveLength(50);
});

it('turns away from a relay whose disk is full before any mail has lost an attempt', async () => {
  const [mta, full, well] = await start({}, {});
  full!.answer = () => '452 4.3.1 Insufficient system storage';
  const job = mta.send(people(200));
  expect(await mta.settled(job)).toMatchObject({ delivered: 200 });
  expect(mta.ledger(job).every(({ attempt }) => attempt === 1)).toBe(true);
  expect(well!.received).toHaveLength(200);
  full!.answer = () => undefined;
  // It greets as ever, so the next check lets it back in.
  await mta.until(() => state(mta, full!.port) === 'up');
  await mta.settled(mta.send(people(200)));
  expect(full!.received.length).toBeGreaterThan(50);
});

it('finds a wrong login before any mail does, and the right one as soon as it is set', async () => {
  const [mta, first] = await start({});
  const { port } = first!;
  const route = (user?: string) => ({
    routes: [
      { id: 1, match: '*', relay: [{ host: '127.0.0.1', port, tls: 'none' as const, user, password: user }] },
    ],
  });
  await mta.settled(mta.send(people(1)));
  mta.publish(route('u'));
  const status = await mta.until(() => state(mta, port) === 'down' && mta.status);
  expect(status.relays[0]).toMatchObject({ error: 'the server offers neither AUTH PLAIN nor AUTH LOGIN' });
  mta.publish(route());
  await mta.until(() => state(mta, port) === 'up');
  expect(first!.received).toHaveLength(1);
});
