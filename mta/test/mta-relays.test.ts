/** A route to several relays: what becomes of mail when one of them dies in the middle of it, and the limits of each. */
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

async function start(
  first: Partial<RelayHost>,
  second: Partial<RelayHost>,
): Promise<[MtaHarness, RecordingServer, RecordingServer]> {
  servers = [await startRecordingServer(), await startRecordingServer()];
  const relay = servers.map(({ port }, n) => ({
    host: '127.0.0.1',
    port,
    tls: 'none' as const,
    ...(n === 0 ? first : second),
  }));
  harness = await startMta({
    routes: [{ id: 1, match: '*', relay }],
    retry: { first: 3600, cap: 3600, jitter: 0, giveUp: 86_400 },
  });
  return [harness, servers[0]!, servers[1]!];
}
const SPARE = { weight: 0 };
const many = (count: number): string[] => Array.from({ length: count }, (_, n) => `p${n}@example.com`);

it('gives what a dying relay cannot have to the other one, at once and without an attempt', async () => {
  const [mta, first, spare] = await start({}, SPARE);
  let taken = 0;
  first.answer = () => {
    taken += 1;
    return taken > 50 ? 'drop' : undefined;
  };
  const job = mta.send(many(200));
  expect(await mta.settled(job)).toMatchObject({ delivered: 200 });
  // What was after its dot when the connection ended may be there already: it would have come later.
  expect(mta.ledger(job).filter(({ attempt, kind }) => attempt !== 1 || kind !== 'delivered')).toEqual([]);
  expect(new Set([...first.received, ...spare.received].map(({ recipient }) => recipient)).size).toBe(200);
  const relays = await mta.until(
    () => mta.status?.relays.every(({ state }) => state !== 'unknown') && mta.status.relays,
  );
  expect(relays).toMatchObject([{ port: first.port }, { port: spare.port, state: 'up' }]);
});

it('lets a mail that the dead relay may have wait half a minute, not the schedule’s time', async () => {
  const [mta, first] = await start({ connections: 1 }, SPARE);
  const reached = Promise.withResolvers<void>();
  Object.defineProperty(first, 'hold', {
    get: () => {
      reached.resolve();
      return new Promise(() => {});
    },
  });
  const job = mta.send(['a@example.com']);
  await reached.promise;
  const before = Date.now();
  for (const socket of first.open) socket.destroy();
  const row = await mta.until(() => mta.ledger(job)[0]);
  expect(row).toMatchObject({ kind: 'deferred', status: '4.4.2', reply: expect.stringContaining('twice') });
  const [line] = mta.spool.queueLines(1);
  expect(line!.nextAt! - before).toBeGreaterThanOrEqual(30_000);
  expect(line!.nextAt! - Date.now()).toBeLessThanOrEqual(30_000);
  const { problems } = await mta.until(() => mta.status?.problems.length === 1 && mta.status);
  expect(problems).toMatchObject([{ code: 'relay-down', value: `127.0.0.1:${first.port}` }]);
});

it('counts an attempt when there is no other relay', async () => {
  const [mta, first, second] = await start({}, SPARE);
  first.answer = () => 'drop';
  second.answer = () => 'drop';
  const job = mta.send(['a@example.com']);
  const row = await mta.until(() => mta.ledger(job)[0]);
  expect(row).toMatchObject({ kind: 'deferred', attempt: 1, phase: 'rcpt' });
});

it('keeps each relay’s connections and messages per connection', async () => {
  const [mta, first, second] = await start(
    // Drawn first nearly always.
    { weight: 1000, connections: 1, messagesPerConnection: 7 },
    { connections: 3 },
  );
  const job = mta.send(many(100));
  expect(await mta.settled(job)).toMatchObject({ delivered: 100 });
  expect(first.most).toBe(1);
  expect(second.most).toBeLessThanOrEqual(3);
  const perConnection = new Map<number, number>();
  for (const { connection } of first.received)
    perConnection.set(connection, (perConnection.get(connection) ?? 0) + 1);
  expect(Math.max(...perConnection.values())).toBeLessThanOrEqual(7);
  expect(first.received.length + second.received.length).toBe(100);
});

it('keeps a relay’s rate over all its connections', async () => {
  const [mta, first] = await start({ ratePerSecond: 0.01 }, SPARE);
  const job = mta.send(many(10));
  await mta.until(() => mta.status?.lines.some(({ waiting }) => waiting === 'rate-limit'));
  expect(first.received.length).toBeLessThanOrEqual(1);
  expect(mta.spool.job(job)!.delivered).toBeLessThanOrEqual(1);
});
