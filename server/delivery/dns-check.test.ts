import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createResolver, type Resolver } from '../../mta/index.ts';
import { type DnsServer, startDnsServer } from '../../mta/test/dns-server.ts';
import { checkRecords } from './dns-check.ts';
import { type DnsLookup, resolverLookup } from './dns-lookup.ts';
import type { DomainNames } from './dns-records.ts';

const names: DomainNames = {
  domain: 'example.jp',
  returnPathDomain: 'bounce.example.jp',
  keys: [{ id: 1, selector: 'k1', algorithm: 'rsa-2048', publicKey: 'KEY', state: 'active' }],
  dmarcPolicy: 'none',
  dmarcReports: '',
  ehloName: 'mail.example.jp',
  sources: [{ address: '', ehlo: 'mail.example.jp', pools: [] }],
  resolved: [],
  relayed: false,
};
const REVERSE = '7.2.0.192.in-addr.arpa';

let dns: DnsServer;
let resolver: Resolver;
let lookup: DnsLookup;
beforeEach(async () => {
  dns = await startDnsServer({
    'k1._domainkey.example.jp': { TXT: [['v=DKIM1; k=rsa; ', 'p=KEY']] },
    'example.jp': { TXT: ['unrelated', 'v=spf1 include:bounce.example.jp ~all'], A: ['192.0.2.80'] },
    '_dmarc.example.jp': { TXT: ['v=DMARC1; p=none; rua=mailto:d@reports.example'] },
    'example.jp._report._dmarc.reports.example': { TXT: ['v=DMARC1'] },
    'bounce.example.jp': { MX: [[10, 'mail.example.jp']], TXT: ['v=spf1 a:mail.example.jp -all'] },
    'mail.example.jp': { A: ['192.0.2.7'] },
    [REVERSE]: { PTR: ['mail.example.jp'] },
  });
  resolver = createResolver({ servers: [dns.address], timeoutMs: 50, tries: 1 });
  lookup = resolverLookup(resolver);
});
afterEach(async () => {
  resolver.close();
  await dns.stop();
});

async function check(given: Partial<DomainNames> = {}, only?: string[]) {
  const { records, resolved } = await checkRecords({ ...names, ...given }, lookup, { only, now: () => 42 });
  const states = Object.fromEntries(
    records.map(({ key, state, advice }) => [key, [state, ...advice.map(({ code }) => code)].join(' ')]),
  );
  return { records, resolved, states };
}

describe('a check', () => {
  it('finds everything right, and the address by the EHLO name', async () => {
    const { states, resolved, records } = await check();
    expect(states).toEqual({
      'dkim:k1': 'ok',
      'return-path-spf': 'ok',
      spf: 'ok',
      'from-address': 'ok',
      dmarc: 'ok',
      'return-path-mx': 'ok',
      'ehlo:mail.example.jp': 'ok',
      'ptr:192.0.2.7': 'ok',
      tlsrpt: 'missing record-missing',
      'mta-sts': 'missing record-missing',
    });
    expect(resolved).toEqual([{ address: '192.0.2.7', ehlo: 'mail.example.jp' }]);
    expect(records.find(({ key }) => key === 'ptr:192.0.2.7')).toEqual({
      key: 'ptr:192.0.2.7',
      name: REVERSE,
      value: 'mail.example.jp',
      state: 'ok',
      found: ['mail.example.jp'],
      advice: [],
      at: 42,
    });
  });

  it('looks each source of a pool up: its name, its PTR record, and whether SPF lets it send', async () => {
    Object.assign(dns.zone, {
      'mta2.example.jp': { A: ['192.0.2.8'] },
      '8.2.0.192.in-addr.arpa': { PTR: ['host8.example.net'] },
      'host8.example.net': { A: ['192.0.2.99'] },
    });
    const sources = [
      { address: '192.0.2.7', ehlo: 'mail.example.jp', pools: ['会員'] },
      { address: '192.0.2.8', ehlo: 'mta2.example.jp', pools: ['季節'] },
    ];
    const { states, records } = await check({ sources });
    expect(states).toMatchObject({
      'return-path-spf': 'different spf-pool-not-allowed',
      spf: 'different spf-pool-not-allowed',
      'ehlo:mta2.example.jp': 'ok',
      'ptr:192.0.2.7': 'ok',
      'ptr:192.0.2.8': 'different ptr-not-confirmed',
    });
    expect(records.find(({ key }) => key === 'return-path-spf')!.advice[0]!.values).toEqual({
      addresses: '192.0.2.8',
      pools: '季節',
      terms: 'ip4:192.0.2.7 ip4:192.0.2.8',
      suggestion: 'v=spf1 a:mail.example.jp ip4:192.0.2.7 ip4:192.0.2.8 -all',
    });
  });

  it('has an error of its own for each name that does not answer; the others are judged', async () => {
    dns.failures.set('_dmarc.example.jp', 'timeout');
    dns.failures.set('bounce.example.jp', 'SERVFAIL');
    const { states, records } = await check();
    expect(states).toMatchObject({
      'dkim:k1': 'ok',
      dmarc: 'error dns-timeout',
      'return-path-mx': 'error dns-failed',
      'return-path-spf': 'error dns-failed',
      spf: 'error dns-failed',
      'ptr:192.0.2.7': 'ok',
    });
    expect(records.find(({ key }) => key === 'dmarc')!.advice[0]!.values).toEqual({
      name: '_dmarc.example.jp',
    });
    expect(records.find(({ key }) => key === 'return-path-mx')!.advice[0]!.values).toEqual({
      name: 'bounce.example.jp',
      error: 'SERVFAIL',
    });
  });

  it('gives a record up whose look-ups never end', async () => {
    const silent: DnsLookup = (name, type) =>
      type === 'MX' && name === 'bounce.example.jp' ? new Promise(() => {}) : lookup(name, type);
    const { records } = await checkRecords(names, silent, { deadline: 200 });
    const late = records.filter(({ state }) => state === 'error');
    expect(late).toMatchObject([
      { key: 'return-path-mx', advice: [{ code: 'dns-timeout', values: { name: 'bounce.example.jp' } }] },
    ]);
  });

  it('keeps the addresses that it knew when the name does not answer', async () => {
    dns.failures.set('mail.example.jp', 'SERVFAIL');
    const known = [{ address: '192.0.2.7', ehlo: 'mail.example.jp' }];
    expect((await check({ resolved: known })).resolved).toEqual(known);
    expect((await check()).states['ptr:mail.example.jp']).toBe('error ptr-address-unknown');
  });

  it('finds a record whose name got the domain twice, and an alias in its place', async () => {
    delete dns.zone['_dmarc.example.jp'];
    delete dns.zone['k1._domainkey.example.jp'];
    dns.zone['_dmarc.example.jp.example.jp'] = { TXT: ['v=DMARC1; p=none'] };
    dns.zone['k1._domainkey.example.jp'] = { CNAME: 'k1.old-service.example' };
    dns.zone['k1.old-service.example'] = { A: ['192.0.2.1'] };
    const { states, records } = await check();
    expect(states).toMatchObject({
      dmarc: 'missing name-doubled',
      'dkim:k1': 'missing cname-in-the-way',
    });
    expect(records[0]!.advice[0]!.values).toEqual({
      name: 'k1._domainkey.example.jp',
      target: 'k1.old-service.example',
    });
  });

  it('does not take a wildcard for a doubled name', async () => {
    delete dns.zone['_dmarc.example.jp'];
    dns.zone['_dmarc.example.jp.example.jp'] = { TXT: ['anything'] };
    expect((await check()).states.dmarc).toBe('missing record-missing');
  });

  it("takes a parent domain's DMARC policy, and never asks at a top-level domain", async () => {
    const { states } = await check({ domain: 'news.example.jp' });
    expect(states.dmarc).toBe('ok dmarc-inherited');
    expect(dns.queries).not.toContain('TXT _dmarc.jp');
  });

  it('says when nobody agreed to take the reports', async () => {
    delete dns.zone['example.jp._report._dmarc.reports.example'];
    expect((await check()).states.dmarc).toBe('ok dmarc-reports-refused');
  });

  it('sees that the MX is an alias', async () => {
    dns.zone['mail.example.jp'] = { CNAME: 'host.example.net' };
    dns.zone['host.example.net'] = { A: ['192.0.2.7'] };
    expect((await check()).states['return-path-mx']).toBe('different mx-is-cname');
  });

  it('asks only for the records that are wanted', async () => {
    const { states } = await check({}, ['dmarc']);
    expect(states).toEqual({ dmarc: 'ok' });
    expect(dns.queries.filter((query) => query.startsWith('MX'))).toEqual([]);
  });
});
