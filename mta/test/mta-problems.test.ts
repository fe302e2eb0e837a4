/** What the MTA says when the world around it is ill, and that it goes on when that is over. */
import { afterEach, expect, it } from 'vitest';
import { openSpoolDb } from '../spool/open.ts';
import type { MtaProblem } from '../types.ts';
import { type DnsServer, startDnsServer } from './dns-server.ts';
import { type MtaHarness, relayTo, startMta } from './mta-harness.ts';
import { type RecordingServer, startRecordingServer } from './recording-server.ts';

let harness: MtaHarness | undefined;
let dns: DnsServer | undefined;
let server: RecordingServer | undefined;
afterEach(async () => {
  await harness?.close();
  await server?.stop();
  await dns?.stop();
  harness = server = dns = undefined;
});

const problem = (code: MtaProblem['code']): Promise<MtaProblem> =>
  harness!.until(() => harness!.status?.problems.find((each) => each.code === code));
const gone = (): Promise<unknown> => harness!.until(() => harness!.status?.problems.length === 0);

it('a resolver that answers nobody', async () => {
  const names = Array.from({ length: 8 }, (_, n) => `d${n}.test`);
  dns = await startDnsServer(Object.fromEntries(names.map((name) => [name, { A: ['127.72.0.1'] }])));
  for (const name of names) dns.failures.set(name, 'SERVFAIL');
  server = await startRecordingServer({ host: '127.72.0.1', port: 25 });
  harness = await startMta({ routes: [{ id: 1, match: '*.test' }] }, [dns.address]);
  const job = harness.send(names.map((name) => `a@${name}`));
  await problem('dns-dead');
  await harness.until(() => harness!.status?.lines.some(({ waiting }) => waiting === 'dns-failure'));
  dns.failures.clear();
  expect(await harness.settled(job)).toMatchObject({ delivered: 8 });
  await gone();
});

it('a clock that was set back while the MTA did not run', async () => {
  server = await startRecordingServer();
  harness = await startMta({ routes: relayTo(server.port) });
  const job = harness.send(['a@example.com']);
  await harness.settled(job);
  // The clock of before was an hour ahead.
  const db = openSpoolDb(harness.dataDir);
  db.prepare('UPDATE ledger SET at = at + 3600000').run();
  db.close();
  await harness.killAndRestart();
  expect(await problem('clock-set-back')).toMatchObject({ detail: expect.stringMatching(/by 3[56]\d\d s/) });
  const next = harness.send(['b@example.com']);
  expect(await harness.settled(next)).toMatchObject({ delivered: 1 });
});
