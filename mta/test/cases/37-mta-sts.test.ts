/** 37. MTA-STS (RFC 8461): enforce keeps mail from an unverified server, testing only counts; others are not concerned. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { IssuedCertificate } from '../../sandbox/certificate.ts';
import { issueCertificate } from '../../sandbox/certificate.ts';
import type { Zone } from '../dns-server.ts';
import type { Step } from '../peer.ts';
import { BYE, startSmallInternet, takes } from '../small-internet.ts';
import { policyText, startStsHost } from '../sts-host.ts';
import { ONE_TRY, SECURE_HELLO, TURNED_AWAY, trustedCa } from '../tls-helpers.ts';

let trusted: ReturnType<typeof trustedCa>;
beforeAll(() => {
  trusted = trustedCa();
});
afterAll(() => trusted.forget());

const POLICY_HOST = '127.37.0.9';
const zone = (): Zone => ({
  'a.test': { MX: [[10, 'mx.host.test']] },
  '_mta-sts.a.test': { TXT: ['v=STSv1; id=1;'] },
  'mta-sts.a.test': { A: [POLICY_HOST] },
  // The same host, without a policy.
  'b.test': { MX: [[10, 'mx.host.test']] },
  'mx.host.test': { A: ['127.37.0.1'] },
});

async function start(policy: string, certificate: IssuedCertificate, dialogues: Step[][], more: Zone = {}) {
  const host = await startStsHost(policy, {
    ca: trusted.ca,
    hosts: ['mta-sts.a.test'],
    address: POLICY_HOST,
    port: 443,
  });
  onTestFinished(() => host.stop());
  return startSmallInternet({
    zone: { ...zone(), ...more },
    servers: { '127.37.0.1': dialogues, '127.37.0.2': [] },
    peer: { certificate },
    settings: { tls: { rules: [], mtaSts: true, dane: false }, retry: ONE_TRY },
  });
}
const verified = () => issueCertificate({ commonName: 'mx', hosts: ['mx.host.test'], issuer: trusted.ca });
const stranger = () => issueCertificate({ commonName: 'mx', hosts: ['mx.host.test'] });
const today = ['2000-01-01', '2100-01-01'] as const;

describe('enforce', () => {
  it('delivers to a host that the policy names, with its certificate verified', async () => {
    const dialogue = [...SECURE_HELLO, ...takes('taro@a.test'), ...BYE];
    const net = await start(policyText('enforce', ['*.host.test']), verified(), [dialogue]);
    const job = net.mta.send(['taro@a.test']);
    expect(await net.mta.settled(job)).toMatchObject({ delivered: 1 });
    expect(net.mta.ledger(job)).toMatchObject([{ kind: 'delivered', tlsPolicy: 'mta-sts' }]);
    await net.finish();
  });

  it('waits when the certificate is not trusted; mail for others on the same host goes', async () => {
    const others = [...SECURE_HELLO, ...takes('jiro@b.test'), ...BYE];
    const net = await start(policyText('enforce', ['mx.host.test']), stranger(), [TURNED_AWAY, others]);
    const waiting = net.mta.send(['taro@a.test']);
    const row = await net.mta.until(() => net.mta.ledger(waiting)[0]);
    expect(row).toMatchObject({
      kind: 'deferred',
      phase: 'starttls',
      status: '4.7.5',
      reason: 'network',
      tls: '',
      tlsPolicy: 'mta-sts',
      reply: expect.stringContaining('DEPTH_ZERO_SELF_SIGNED_CERT'),
    });
    // Told by its name, and it holds for this mail alone.
    await net.mta.until(() =>
      net.mta.status?.lines.some(({ domain, waiting }) => domain === 'a.test' && waiting === 'tls-unmet'),
    );
    const going = net.mta.send(['jiro@b.test']);
    expect(await net.mta.settled(going)).toMatchObject({ delivered: 1 });
    expect(net.servers['127.37.0.1']!.lines.filter((line) => line.includes('a.test'))).toEqual([]);
    await net.finish();
  });

  it('nor does a second host that is down make the site dead for others', async () => {
    const others = [...SECURE_HELLO, ...takes('jiro@b.test'), ...BYE];
    // Nobody listens on 127.37.0.3.
    const both: [number, string][] = [
      [10, 'mx.host.test'],
      [20, 'down.host.test'],
    ];
    const net = await start(policyText('enforce', ['*.host.test']), stranger(), [TURNED_AWAY, others], {
      'a.test': { MX: both },
      'b.test': { MX: both },
      'down.host.test': { A: ['127.37.0.3'] },
    });
    const waiting = net.mta.send(['taro@a.test']);
    const row = await net.mta.until(() => net.mta.ledger(waiting)[0]);
    expect(row).toMatchObject({ kind: 'deferred', phase: 'starttls', status: '4.7.5' });
    expect(await net.mta.settled(net.mta.send(['jiro@b.test']))).toMatchObject({ delivered: 1 });
    await net.finish();
  });

  it('goes past a host that the policy does not name to one that it does', async () => {
    const dialogue = [...SECURE_HELLO, ...takes('taro@a.test'), ...BYE];
    const net = await start(policyText('enforce', ['mx.host.test']), verified(), [dialogue], {
      'a.test': {
        MX: [
          [10, 'other.test'],
          [20, 'mx.host.test'],
        ],
      },
      'other.test': { A: ['127.37.0.2'] },
    });
    const job = net.mta.send(['taro@a.test']);
    expect(await net.mta.settled(job)).toMatchObject({ delivered: 1 });
    expect(net.mta.ledger(job)).toMatchObject([{ mx: 'mx.host.test', attempt: 1 }]);
    await net.finish();
  });

  it('does not even connect to a host that the policy does not name', async () => {
    const net = await start(policyText('enforce', ['mx.a.test']), verified(), []);
    const job = net.mta.send(['taro@a.test']);
    expect(await net.mta.until(() => net.mta.ledger(job)[0])).toMatchObject({
      kind: 'deferred',
      status: '4.7.5',
      reply: expect.stringContaining('mx.host.test is not among the hosts of the MTA-STS policy of a.test'),
    });
    await net.finish();
  });
});

it('testing: delivers all the same, and counts what would have been refused', async () => {
  const dialogue = [...SECURE_HELLO, ...takes('taro@a.test'), ...BYE];
  const policy = policyText('testing', ['mx.host.test']);
  const net = await start(policy, stranger(), [dialogue]);
  const job = net.mta.send(['taro@a.test']);
  expect(await net.mta.settled(job)).toMatchObject({ delivered: 1 });
  expect(net.mta.ledger(job)).toMatchObject([
    { tls: expect.stringMatching(/^TLS/), tlsPolicy: 'opportunistic' },
  ]);
  await net.mta.mta.stop();
  expect(net.mta.spool.tlsReport(...today)).toMatchObject([
    {
      policyDomain: 'a.test',
      policyType: 'sts',
      mxHost: 'mx.host.test',
      result: 'certificate-not-trusted',
      sessions: 1,
    },
  ]);
  await net.finish();
});
