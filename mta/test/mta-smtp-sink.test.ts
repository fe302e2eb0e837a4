/** The whole MTA against Postfix's smtp-sink and its faults: the verdict of each, and that no mail is lost. */
import { afterEach, expect, it } from 'vitest';
import { type MtaHarness, relayTo, startMta } from './mta-harness.ts';
import { type SmtpSink, startSmtpSink } from './smtp-sink.ts';

let harness: MtaHarness | undefined;
let sink: SmtpSink | undefined;
afterEach(async () => {
  await harness?.close();
  await sink?.stop();
  harness = sink = undefined;
});

const start = async (args: string[]): Promise<MtaHarness> => {
  sink = await startSmtpSink(args);
  harness = await startMta({
    routes: relayTo(sink.port),
    retry: { first: 600, cap: 600, jitter: 0, giveUp: 3600 },
  });
  return harness;
};
const recipients = (count: number): string[] =>
  Array.from({ length: count }, (_, n) => `p${n}@d${n % 3}.example.com`);

it.each([[[]], [['-p']], [['-e']], [['-8']], [['-N']]])('delivers to a server with %j', async (args) => {
  const mta = await start(args);
  const job = mta.send(recipients(200));
  expect(await mta.settled(job)).toMatchObject({ settled: 200, delivered: 200 });
  expect(mta.ledger(job)).toHaveLength(200);
});

it.each([
  ['-f', 'MAIL', { phase: 'mail', code: 500 }],
  ['-f', 'RCPT', { phase: 'rcpt', code: 500 }],
  ['-f', 'DATA', { phase: 'data', code: 500 }],
  ['-f', '.', { phase: 'dot', code: 500 }],
])('%s %s: bounced, each once', async (flag, command, expected) => {
  const mta = await start([flag, command]);
  const job = mta.send(recipients(60));
  expect(await mta.settled(job)).toMatchObject({ settled: 60, bounced: 60 });
  const rows = mta.ledger(job);
  expect(new Set(rows.map(({ recipient }) => recipient)).size).toBe(60);
  for (const row of rows) expect(row).toMatchObject({ kind: 'bounced', attempt: 1, ...expected });
});

// Where the connection ends with the mail, others come slower: a few are enough.
it.each([
  ['-r', 'RCPT', 60, { phase: 'rcpt', code: 450 }],
  ['-r', 'DATA', 60, { phase: 'data', code: 450 }],
  ['-r', '.', 60, { phase: 'dot', code: 450 }],
  ['-Q', 'RCPT', 2, { phase: 'rcpt', code: 421 }],
  ['-Q', 'DATA', 2, { phase: 'data', code: 421 }],
  ['-q', 'RCPT', 2, { phase: 'rcpt', reason: 'network', status: '4.4.2' }],
  ['-q', 'DATA', 2, { phase: 'data', reason: 'network', status: '4.4.2' }],
  ['-q', '.', 2, { phase: 'dot', reason: 'network', reply: expect.stringContaining('may deliver it twice') }],
])('%s %s: deferred, and still queued', async (flag, command, count, expected) => {
  const mta = await start([flag, command]);
  const job = mta.send(recipients(count));
  await mta.until(() => mta.spool.lastLedgerId() >= count);
  await mta.until(() => mta.status?.inFlight === 0);
  const rows = mta.ledger(job);
  expect(rows.map(({ recipient }) => recipient).sort()).toEqual(recipients(count).sort());
  for (const row of rows) expect(row).toMatchObject({ kind: 'deferred', attempt: 1, ...expected });
  expect(mta.spool.job(job)).toMatchObject({ enqueued: count, settled: 0 });
  expect(mta.spool.queueLines(10).reduce((sum, { queued }) => sum + queued, 0)).toBe(count);
  // All of them were tried, so none is new.
  expect(mta.spool.queueLines(10).every(({ due }) => due === 0)).toBe(true);
});
