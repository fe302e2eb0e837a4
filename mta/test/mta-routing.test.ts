/** Domains that lead nowhere, asked of a DNS server with fixed answers: what each means for the mail (cases 2, 3, 4, 10). */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type DnsServer, startDnsServer } from './dns-server.ts';
import { type MtaHarness, startMta } from './mta-harness.ts';

let dns: DnsServer;
let harness: MtaHarness;

beforeAll(async () => {
  dns = await startDnsServer({
    'null.test': { MX: [[0, '']] },
    'inside.test': { MX: [[10, 'mail.inside.test']] },
    'mail.inside.test': { A: ['127.0.0.1'] },
    'broken.test': { MX: [[10, 'mail.broken.test']] },
  });
  dns.failures.set('servfail.test', 'SERVFAIL');
  harness = await startMta({}, [dns.address]);
});
afterAll(async () => {
  await harness.close();
  await dns.stop();
});

it.each([
  ['a domain that does not exist', 'nxdomain.test', { reason: 'unknown-host', status: '5.1.2' }],
  ['a null MX', 'null.test', { reason: 'null-mx', status: '5.1.10' }],
])('bounces mail to %s without a connection', async (_what, domain, expected) => {
  const job = harness.send([`a@${domain}`, `b@${domain}`]);
  expect(await harness.settled(job)).toMatchObject({ bounced: 2 });
  expect(harness.ledger(job)).toMatchObject([
    { kind: 'bounced', phase: 'dns', attempt: 1, ...expected },
    { kind: 'bounced', phase: 'dns', attempt: 1, ...expected },
  ]);
});

it('never connects to a loopback address that an MX names', async () => {
  const job = harness.send(['a@inside.test']);
  const row = await harness.until(() => harness.ledger(job)[0]);
  expect(row).toMatchObject({ phase: 'dns', sourceIp: '', tls: '' });
  expect(row.kind).not.toBe('delivered');
});

it('waits when the DNS fails, with one mail as the witness', async () => {
  const job = harness.send(['a@servfail.test', 'b@servfail.test']);
  const row = await harness.until(() => harness.ledger(job)[0]);
  expect(row).toMatchObject({ kind: 'deferred', phase: 'dns', status: '4.4.3' });
  await harness.until(() =>
    harness.status?.lines.some(
      ({ domain, waiting }) => domain === 'servfail.test' && waiting === 'dns-failure',
    ),
  );
  expect(harness.spool.job(job)).toMatchObject({ settled: 0 });
});
