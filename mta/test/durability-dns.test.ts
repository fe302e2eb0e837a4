/** The resolver dies and comes back: mail waits, its problem is told, and everything goes at once when there are answers again. */
import { afterEach, expect, it } from 'vitest';
import { type DnsServer, startDnsServer, type Zone } from './dns-server.ts';
import { type MtaHarness, startMta } from './mta-harness.ts';

let harness: MtaHarness | undefined;
let dns: DnsServer | undefined;
afterEach(async () => {
  await harness?.close();
  await dns?.stop();
  harness = dns = undefined;
});

const DOMAINS = Array.from({ length: 30 }, (_, n) => `d${n}.test`);
const ADDRESSES = DOMAINS.map((domain) => `p@${domain}`);
const HOUR = 3600;

/** Domains that do not take mail: what is known of them shows that the look-up was answered, without a connection to port 25. */
const nullMx = (): Zone => Object.fromEntries(DOMAINS.map((domain) => [domain, { MX: [[0, '.']] }]));

it.each(['timeout', 'SERVFAIL'] as const)('%s', async (failure) => {
  const server = await startDnsServer(nullMx());
  dns = server;
  server.failures.set('*', failure);
  // The schedule would let everything wait for an hour.
  const mta = await startMta({ retry: { first: HOUR, cap: HOUR, jitter: 0, giveUp: 259_200 } }, [
    server.address,
  ]);
  harness = mta;
  const job = mta.send(ADDRESSES);
  const problem = await mta.until(() => mta.status?.problems.find(({ code }) => code === 'dns-dead'));
  expect(problem).toMatchObject({ value: '', since: expect.any(Number) });
  await mta.until(() => mta.status!.lines.every(({ waiting }) => waiting === 'dns-failure'));
  // It is nobody's attempt: a handful bore witness before it was known.
  expect(mta.ledger(job).length).toBeLessThan(5);
  expect(mta.ledger(job).every(({ kind, phase }) => kind === 'deferred' && phase === 'dns')).toBe(true);
  expect(mta.spool.queued()).toBe(30);

  server.failures.clear();
  // Also those that were put off for an hour.
  expect(await mta.settled(job)).toMatchObject({ settled: 30, bounced: 30 });
  const outcomes = mta.ledger(job).filter(({ kind }) => kind === 'bounced');
  expect(outcomes.every(({ reason }) => reason === 'null-mx')).toBe(true);
  await mta.until(() => mta.status!.problems.length === 0);
});
