/** 2. An MX that exists but cannot be used never means the A record (RFC 5321 §5.1); SERVFAIL and timeouts are temporary. */
import { expect, it } from 'vitest';
import { lookUp, targets } from '../mx-helpers.ts';
import { startSmallInternet, takesAll } from '../small-internet.ts';

it('bounces where the MX leads nowhere, and leaves the A record alone', async () => {
  const net = await startSmallInternet({
    zone: { 'broken.test': { MX: [[10, 'gone.broken.test']], A: ['127.2.0.1'] } },
    servers: { '127.2.0.1': [] },
  });
  const job = net.mta.send(['taro@broken.test']);
  expect(await net.mta.settled(job)).toMatchObject({ bounced: 1 });
  expect(net.mta.ledger(job)).toMatchObject([
    { kind: 'bounced', phase: 'dns', code: 550, status: '5.4.4', reason: 'unknown-host', mx: '' },
  ]);
  expect(net.dns.queries).not.toContain('A broken.test');
  await net.finish();
});

it('waits while the DNS fails, with one mail as the witness, and delivers when it answers', async () => {
  const net = await startSmallInternet({
    zone: {
      'later.test': { MX: [[10, 'mx.later.test']], A: ['127.2.0.3'] },
      'mx.later.test': { A: ['127.2.0.2'] },
    },
    servers: {
      '127.2.0.2': [[takesAll]],
      '127.2.0.3': [],
    },
    peer: { others: [takesAll] },
    prepare: (dns) => dns.failures.set('later.test', 'SERVFAIL'),
  });
  const { mta, dns } = net;
  const job = mta.send(['a@later.test', 'b@later.test']);
  expect(await mta.until(() => mta.ledger(job)[0])).toMatchObject({
    kind: 'deferred',
    recipient: 'a@later.test',
    phase: 'dns',
    status: '4.4.3',
    reason: 'network',
    reply: expect.stringContaining('SERVFAIL'),
  });
  await mta.until(() =>
    mta.status?.lines.some(({ domain, waiting }) => domain === 'later.test' && waiting === 'dns-failure'),
  );
  expect(mta.spool.job(job)).toMatchObject({ settled: 0 });
  dns.failures.clear();
  expect(await mta.settled(job)).toMatchObject({ delivered: 2 });
});

it.each(['SERVFAIL', 'REFUSED', 'timeout'] as const)(
  '%s is temporary: of the MX, and of its only host',
  async (failure) => {
    const zone = { 'example.test': { MX: [[10, 'mx.example.test']] as [number, string][], A: ['8.8.8.1'] } };
    const ofMx = await lookUp(zone, 'example.test', {}, { failing: { 'example.test': failure } });
    expect(ofMx.outcome).toMatchObject({
      kind: 'temporary',
      text: expect.stringContaining('MX look-up of example.test failed'),
    });
    const ofHost = await lookUp(zone, 'example.test', {}, { failing: { 'mx.example.test': failure } });
    expect(ofHost.outcome).toMatchObject({
      kind: 'temporary',
      text: expect.stringContaining('mx.example.test'),
    });
  },
);

it('a host that fails decides over one that does not exist, and not over one that can be used', async () => {
  const mx = (second: string) => ({
    'example.test': {
      MX: [
        [10, 'mx1.example.test'],
        [20, second],
      ] as [number, string][],
    },
    'mx2.example.test': { A: ['8.8.8.2'] },
  });
  const failing = { 'mx1.example.test': 'SERVFAIL' } as const;
  const { outcome } = await lookUp(mx('gone.example.test'), 'example.test', {}, { failing });
  expect(outcome).toMatchObject({ kind: 'temporary' });
  expect(await targets(mx('mx2.example.test'), 'example.test', {}, { failing })).toEqual([
    'mx2.example.test 8.8.8.2',
  ]);
});
