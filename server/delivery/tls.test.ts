import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TlsReportRow } from '../../mta/index.ts';
import { type DnsFailure, type DnsServer, startDnsServer, type Zone } from '../../mta/test/dns-server.ts';
import { type DeliveryHarness, startDelivery } from '../test/delivery-fixtures.ts';
import { foldReports, rfc8460Report } from './tls-reports.ts';

let d: DeliveryHarness;
let dns: DnsServer;
beforeAll(async () => {
  dns = await startDnsServer({});
  d = await startDelivery({ TODOKE_DNS: dns.address });
});
afterAll(async () => {
  await d.h.close();
  await dns.stop();
});

describe('TLS rules', () => {
  let id: number;

  it('are made, published, shown and audited', async () => {
    const made = await d.post('/tls-rules', { match: '*.Bank.例え.jp', mode: 'verified' });
    expect(made).toMatchObject({ status: 201, body: { match: '*.bank.xn--r8jz45g.jp', mode: 'verified' } });
    id = made.body.id;
    expect(d.h.deps.spool.settings()!.tls!.rules).toEqual([
      { match: '*.bank.xn--r8jz45g.jp', mode: 'verified' },
    ]);
    expect((await d.get('/tls-rules', d.viewer)).body).toEqual({ items: [made.body], nextCursor: null });
    expect(d.audited()).toMatchObject({
      action: 'tls-rule.create',
      target: `tls-rule:${id}`,
      detail: { mode: 'verified' },
    });
  });

  it.each<[string, object, number, string, unknown]>([
    ['what is no pattern', { match: 'a.*', mode: 'none' }, 422, '/match', 'a.*'],
    [
      'a pattern that is there',
      { match: '*.BANK.xn--r8jz45g.jp', mode: 'none' },
      409,
      '/match',
      '*.BANK.xn--r8jz45g.jp',
    ],
    ['an unknown mode', { match: 'a.jp', mode: 'maybe' }, 400, '/mode', 'maybe'],
  ])('refuse %s', async (_name, body, status, pointer, value) => {
    expect(await d.post('/tls-rules', body)).toMatchObject({
      status,
      body: { errors: [{ pointer, value }] },
    });
  });

  it('are changed and removed by those who manage delivery', async () => {
    expect((await d.post('/tls-rules', { match: 'a.jp', mode: 'none' }, d.viewer)).status).toBe(403);
    expect((await d.patch(`/tls-rules/${id}`, { mode: 'required' })).body).toMatchObject({
      match: '*.bank.xn--r8jz45g.jp',
      mode: 'required',
    });
    expect(d.audited()).toMatchObject({ action: 'tls-rule.update' });
    expect((await d.patch('/tls-rules/999', {})).status).toBe(404);
    expect((await d.remove(`/tls-rules/${id}`)).status).toBe(204);
    expect(d.audited()).toMatchObject({ action: 'tls-rule.delete' });
    expect((await d.remove(`/tls-rules/${id}`)).status).toBe(404);
    expect(d.h.deps.spool.settings()!.tls!.rules).toEqual([]);
  });
});

const row = (parts: Partial<TlsReportRow>): TlsReportRow => ({
  day: '2026-11-24',
  policyDomain: 'example.jp',
  policyType: 'sts',
  policyString: 'version: STSv1\nmode: enforce\nmx: mx1.example.jp',
  mxHost: 'mx1.example.jp',
  result: '',
  sessions: 1,
  ...parts,
});
const ROWS = [
  row({ sessions: 40 }),
  row({ mxHost: 'mx2.example.jp', result: 'certificate-expired', sessions: 2 }),
  row({ policyType: 'no-policy-found', policyString: '', sessions: 3 }),
  row({ policyDomain: 'good.example', policyType: 'tlsa', policyString: '3 1 1 AB', sessions: 7 }),
  row({ day: '2026-11-23', policyDomain: 'good.example', policyType: 'tlsa', policyString: '', sessions: 5 }),
];

describe('TLS reports', () => {
  beforeAll(() => {
    const spool = new Database(`${d.h.dataDir}/spool.db`);
    const insert = spool.prepare(
      `INSERT INTO tls_report (day, policy_domain, policy_type, policy_string, mx_host, result, sessions) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    for (const { day, policyDomain, policyType, policyString, mxHost, result, sessions } of ROWS)
      insert.run(day, policyDomain, policyType, policyString, mxHost, result, sessions);
    spool.close();
  });

  it('are added up by day, domain and policy, with failures first', async () => {
    const { body } = await d.get('/tls-reports?from=2026-11-23&to=2026-11-24', d.viewer);
    expect(body).toMatchObject({ from: '2026-11-23', to: '2026-11-24' });
    expect(
      body.items.map(({ day, policyDomain, successful, failed }: Record<string, unknown>) => [
        day,
        policyDomain,
        successful,
        failed,
      ]),
    ).toEqual([
      ['2026-11-24', 'example.jp', 43, 2],
      ['2026-11-24', 'good.example', 7, 0],
      ['2026-11-23', 'good.example', 5, 0],
    ]);
    expect(body.items[0].policies).toEqual([
      {
        type: 'no-policy-found',
        lines: [],
        mxHosts: ['mx1.example.jp'],
        successful: 3,
        failed: 0,
        failures: [],
      },
      {
        type: 'sts',
        lines: ['version: STSv1', 'mode: enforce', 'mx: mx1.example.jp'],
        mxHosts: ['mx1.example.jp', 'mx2.example.jp'],
        successful: 40,
        failed: 2,
        failures: [{ result: 'certificate-expired', mxHost: 'mx2.example.jp', sessions: 2 }],
      },
    ]);
  });

  it.each([
    ['from=2026-11-24&to=2026-11-24', ['example.jp', 'good.example']],
    ['from=2026-11-01&to=2026-11-24&limit=1', ['example.jp']],
    ['from=2026-11-01&to=2026-11-24&domain=Good.example', ['good.example', 'good.example']],
    ['to=2026-11-30', ['example.jp', 'good.example']],
    ['to=2026-11-22', []],
  ])('are those of %s', async (query, domains) => {
    const { body } = await d.get(`/tls-reports?${query}`);
    expect(body.items.map(({ policyDomain }: { policyDomain: string }) => policyDomain)).toEqual(domains);
  });

  it('cover the last seven days when nobody says otherwise', async () => {
    const { from, to } = (await d.get('/tls-reports')).body;
    expect((Date.parse(to) - Date.parse(from)) / 86_400_000).toBe(6);
  });

  it.each([
    ['from=2026-11-25&to=2026-11-24', 422, 'from', '2026-11-25'],
    ['from=yesterday', 400, 'from', 'yesterday'],
  ])('refuse %s', async (query, status, pointer, value) => {
    expect(await d.get(`/tls-reports?${query}`)).toMatchObject({
      status,
      body: { errors: [{ pointer, value }] },
    });
  });

  it('are given out in the form of RFC 8460', async () => {
    const { status, headers, body } = await d.get('/tls-reports/2026-11-24/Example.jp');
    expect(status).toBe(200);
    expect(headers['content-type']).toMatch(/^application\/tlsrpt\+json/);
    // a day of Asia/Tokyo
    expect(headers['content-disposition']).toBe(
      'attachment; filename="mail.example.jp!example.jp!1795446000!1795532399.json"',
    );
    expect(body).toMatchObject({
      'organization-name': 'mail.example.jp',
      'date-range': { 'start-datetime': '2026-11-23T15:00:00Z', 'end-datetime': '2026-11-24T14:59:59Z' },
      'contact-info': 'postmaster@mail.example.jp',
      'report-id': expect.stringMatching(/^2026-11-23T15:00:00Z_[0-9a-f]{12}@mail\.example\.jp$/),
    });
    expect(body.policies[1]).toEqual({
      policy: {
        'policy-type': 'sts',
        'policy-string': ['version: STSv1', 'mode: enforce', 'mx: mx1.example.jp'],
        'policy-domain': 'example.jp',
        'mx-host': ['mx1.example.jp', 'mx2.example.jp'],
      },
      summary: { 'total-successful-session-count': 40, 'total-failure-session-count': 2 },
      'failure-details': [
        {
          'result-type': 'certificate-expired',
          'receiving-mx-hostname': 'mx2.example.jp',
          'failed-session-count': 2,
        },
      ],
    });
    expect((await d.get('/tls-reports/2026-11-20/example.jp')).status).toBe(404);
  });

  it.each([
    ['UTC', '2026-11-24T00:00:00Z', '2026-11-24T23:59:59Z'],
    ['Pacific/Kiritimati', '2026-11-23T10:00:00Z', '2026-11-24T09:59:59Z'],
    ['Pacific/Pago_Pago', '2026-11-24T11:00:00Z', '2026-11-25T10:59:59Z'],
    ['Asia/Kathmandu', '2026-11-23T18:15:00Z', '2026-11-24T18:14:59Z'],
  ])('take the bounds of the day in %s', (zone, start, end) => {
    const [day] = foldReports(ROWS);
    const report = rfc8460Report(day!, zone, { organisation: '株式会社例', domain: 'a.jp' });
    expect(report['date-range']).toEqual({ 'start-datetime': start, 'end-datetime': end });
    expect(report['organization-name']).toBe('株式会社例');
  });

  it('know a day of 25 hours', () => {
    const [day] = foldReports([row({ day: '2026-10-25' })]);
    expect(rfc8460Report(day!, 'Europe/Berlin', { organisation: '', domain: 'a.jp' })['date-range']).toEqual({
      'start-datetime': '2026-10-24T22:00:00Z',
      'end-datetime': '2026-10-25T22:59:59Z',
    });
  });
});

describe('the state of the resolver', () => {
  const root = { NS: ['a.root.example'] };
  it.each<[string, Zone, DnsFailure | undefined, boolean | null]>([
    ['validates', { '': { ...root, signed: true } }, undefined, true],
    ['does not validate', { '': root }, undefined, false],
    ['does not answer', {}, 'SERVFAIL', null],
  ])('says that it %s', async (_name, zone, failure, validates) => {
    dns.zone = zone;
    if (failure) dns.failures.set('*', failure);
    expect((await d.get('/tls-status', d.viewer)).body).toEqual({
      mtaSts: false,
      dane: true,
      resolver: {
        servers: [dns.address],
        validates,
        detail: expect.stringContaining(dns.address),
        checkedAt: expect.stringMatching(/Z$/),
      },
    });
    dns.failures.clear();
  });
});
