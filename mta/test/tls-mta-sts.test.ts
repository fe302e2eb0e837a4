/** MTA-STS policies: found in the DNS, fetched over HTTPS, kept until they expire (case 37, RFC 8461). */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createResolver, type Resolver } from '../routing/dns.ts';
import { type StsCache, StsPolicies } from '../routing/mta-sts.ts';
import { createStsFetcher } from '../routing/sts-fetch.ts';
import { issueCertificate } from '../sandbox/certificate.ts';
import { openSpoolDb } from '../spool/open.ts';
import { openStsCache } from '../spool/sts-policies.ts';
import { type DnsServer, startDnsServer } from './dns-server.ts';
import { policyText, type StsHost, startStsHost } from './sts-host.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const ca = issueCertificate({ commonName: 'Test root', ca: true });
const ENFORCE = policyText('enforce', ['mx.a.test']);

let dns: DnsServer;
let resolver: Resolver;
let host: StsHost;
let problems: string[];
let now: number;
let moments = 0;

beforeEach(async () => {
  now = 1_700_000_000_000;
  problems = [];
  dns = await startDnsServer({
    '_mta-sts.a.test': { TXT: ['v=STSv1; id=1;'] },
    'mta-sts.a.test': { A: ['127.0.0.1'] },
  });
  // It forgets at once, so that each look is at what the DNS says then.
  resolver = createResolver({
    servers: [dns.address],
    timeoutMs: 200,
    tries: 1,
    now: () => (moments += DAY),
  });
  host = await startStsHost(ENFORCE, { ca, hosts: ['mta-sts.a.test'] });
});
afterEach(async () => {
  resolver.close();
  await Promise.all([dns.stop(), host.stop()]);
});

function memory(): StsCache {
  const kept = new Map<string, NonNullable<ReturnType<StsCache['get']>>>();
  return { get: (domain) => kept.get(domain), put: (policy) => void kept.set(policy.domain, policy) };
}

const policies = (cache: StsCache = memory(), timeoutMs = 5000): StsPolicies =>
  new StsPolicies({
    resolver,
    fetch: createStsFetcher({ resolver, ca: ca.cert, port: host.port, timeoutMs }),
    cache,
    onProblem: (domain, _, { result }) => problems.push(`${domain} ${result}`),
    now: () => now,
  });
const publish = (id: string | undefined): void => {
  dns.zone['_mta-sts.a.test'] = id === undefined ? {} : { TXT: [`v=STSv1; id=${id};`] };
};

describe('a policy that is there', () => {
  it('is fetched from the policy host, once', async () => {
    const sts = policies();
    const found = await Promise.all([sts.policyFor('a.test', true), sts.policyFor('a.test', true)]);
    expect(found[0]).toEqual({ mode: 'enforce', mx: ['mx.a.test'], maxAge: 86_400 });
    expect(found[1]).toEqual(found[0]);
    await sts.policyFor('a.test', true);
    expect(host.requests).toEqual([`mta-sts.a.test:${host.port} /.well-known/mta-sts.txt`]);
  });

  it('is fetched anew when its id has changed', async () => {
    const sts = policies();
    await sts.policyFor('a.test', true);
    host.answer = { body: policyText('testing', ['mx.b.test']) };
    expect(await sts.policyFor('a.test', true)).toMatchObject({ mode: 'enforce' });
    publish('2');
    expect(await sts.policyFor('a.test', true)).toMatchObject({ mode: 'testing', mx: ['mx.b.test'] });
    expect(host.requests).toHaveLength(2);
  });

  it('is not looked for without a record', async () => {
    publish(undefined);
    expect(await policies().policyFor('a.test', true)).toBeUndefined();
    expect(host.requests).toEqual([]);
  });

  it('is renewed after a day, while what is known holds', async () => {
    const cache = memory();
    const sts = policies(cache);
    await sts.policyFor('a.test', true);
    host.answer = { body: policyText('enforce', ['new.a.test'], 99) };
    now += DAY - HOUR;
    await sts.policyFor('a.test', true);
    expect(host.requests).toHaveLength(1);
    // Its life is a day; the renewal is due a day after the fetch, so let it live longer.
    cache.put({ ...cache.get('a.test')!, expiresAt: now + 9 * DAY });
    now += 2 * HOUR;
    const renewed = new Promise<void>((resolve) => {
      const put = cache.put;
      cache.put = (policy) => {
        put(policy);
        resolve();
      };
    });
    expect(await sts.policyFor('a.test', true)).toMatchObject({ mx: ['mx.a.test'] });
    await renewed;
    expect(await sts.policyFor('a.test', true)).toMatchObject({ mx: ['new.a.test'] });
  });
});

describe('a policy that is known holds until it expires (§3.3)', () => {
  it.each<[string, () => void]>([
    ['the record is gone', () => publish(undefined)],
    ['the DNS fails', () => dns.failures.set('*', 'SERVFAIL')],
    [
      'the new policy cannot be fetched',
      () => {
        publish('2');
        host.answer = { status: 503, body: '' };
      },
    ],
    [
      'the new policy is none',
      () => {
        publish('2');
        host.answer = { body: 'nonsense' };
      },
    ],
  ])('%s', async (_, spoil) => {
    const sts = policies();
    await sts.policyFor('a.test', true);
    spoil();
    now += 86_400_000 - 1;
    expect(await sts.policyFor('a.test', true)).toMatchObject({ mode: 'enforce' });
    now += 2;
    expect(await sts.policyFor('a.test', true)).toBeUndefined();
  });

  it('and over a restart', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'todoke-sts-'));
    onTestFinished(() => rmSync(dataDir, { recursive: true }));
    now = Date.now();
    const before = openSpoolDb(dataDir);
    const cache = openStsCache(before);
    await policies(cache).policyFor('a.test', true);
    cache.flush();
    before.close();
    publish(undefined);

    const after = openSpoolDb(dataDir);
    onTestFinished(() => void after.close());
    const sts = policies(openStsCache(after));
    expect(await sts.policyFor('a.test', true)).toEqual({
      mode: 'enforce',
      mx: ['mx.a.test'],
      maxAge: 86_400,
    });
    now += DAY + 1;
    expect(await sts.policyFor('a.test', true)).toBeUndefined();
  });
});

describe('a policy that cannot be had is none, and is counted', () => {
  const fetchError = ['a.test sts-policy-fetch-error'];
  it.each<[string, () => unknown, string[]]>([
    [
      'a redirect',
      () =>
        (host.answer = {
          status: 301,
          headers: { location: '/x', 'content-type': 'text/plain' },
          body: ENFORCE,
        }),
      fetchError,
    ],
    ['not found', () => (host.answer = { status: 404, body: ENFORCE }), fetchError],
    [
      'a web page',
      () => (host.answer = { headers: { 'content-type': 'text/html' }, body: ENFORCE }),
      fetchError,
    ],
    ['without a type', () => (host.answer = { headers: {}, body: ENFORCE }), fetchError],
    ['more than 64 KB', () => (host.answer = { body: `${ENFORCE}${'x: y\r\n'.repeat(11_000)}` }), fetchError],
    ['an answer that does not end', () => (host.answer = { body: ENFORCE, hang: true }), fetchError],
    ['a policy host without an address', () => delete dns.zone['mta-sts.a.test'], fetchError],
    ['a policy host that is not there', () => host.stop(), fetchError],
    ['no policy', () => (host.answer = { body: 'mode: enforce' }), ['a.test sts-policy-invalid']],
  ])('%s', async (_, spoil, expected) => {
    const sts = policies(memory(), 300);
    await spoil();
    expect(await sts.policyFor('a.test', true)).toBeUndefined();
    expect(problems).toEqual(expected);
  });

  it.each([
    ['of nobody that is trusted', { hosts: ['mta-sts.a.test'] }],
    ['of another name', { hosts: ['a.test'], issuer: ca }],
    [
      'that has expired',
      { hosts: ['mta-sts.a.test'], issuer: ca, from: Date.now() - DAY, to: Date.now() - HOUR },
    ],
  ])('a certificate %s', async (_, certificate) => {
    await host.stop();
    host = await startStsHost(ENFORCE, {
      ca,
      hosts: [],
      certificate: issueCertificate({ commonName: 'x', ...certificate }),
    });
    expect(await policies().policyFor('a.test', true)).toBeUndefined();
    expect(problems).toEqual(['a.test sts-webpki-invalid']);
    expect(host.requests).toEqual([]);
  });

  it('a policy host inside our network is not asked, unless a route names the domain', async () => {
    expect(await policies().policyFor('a.test', false)).toBeUndefined();
    expect(problems).toEqual(fetchError);
    expect(host.requests).toEqual([]);
  });

  it('and is not asked for again for five minutes', async () => {
    host.answer = { status: 500, body: '' };
    const sts = policies();
    await sts.policyFor('a.test', true);
    host.answer = { body: ENFORCE };
    now += 299_000;
    expect(await sts.policyFor('a.test', true)).toBeUndefined();
    now += 2000;
    expect(await sts.policyFor('a.test', true)).toMatchObject({ mode: 'enforce' });
    expect(host.requests).toHaveLength(2);
  });
});
