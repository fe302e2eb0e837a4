import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DnsServer, startDnsServer } from '../../mta/test/dns-server.ts';
import { campaigns, dkimKeys, sendingDomains } from '../db/schema.ts';
import { call, type Harness, startHarness } from '../testing/harness.ts';
import { sendingDomainRoutes } from './sending-domain-routes.ts';

let h: Harness;
let dns: DnsServer;
let admin: Record<string, string>;
let viewer: Record<string, string>;

beforeAll(async () => {
  dns = await startDnsServer({});
  h = await startHarness({
    features: [sendingDomainRoutes],
    env: { TODOKE_PUBLIC_URL: 'https://mail.example.jp', TODOKE_DNS: dns.address },
  });
  admin = (await h.login('administrator')).headers;
  viewer = (await h.login('viewer')).headers;
});
afterAll(async () => {
  await h.close();
  await dns.stop();
});

const get = (path: string, headers = admin) => call(h.admin, 'GET', `/api/v1${path}`, headers);
const post = (path: string, body?: object, headers = admin) =>
  call(h.admin, 'POST', `/api/v1${path}`, headers, body);
const audited = () =>
  h.db.$client.prepare('SELECT action, target, detail FROM audit_log ORDER BY id DESC LIMIT 1').get() as {
    action: string;
    target: string;
    detail: string;
  };

describe('sending domains', () => {
  it('makes a key, shows the records and publishes it, and keeps the private half', async () => {
    const published = h.sent.published;
    const { status, body, text } = await post('/sending-domains', {
      domain: 'Example.JP.',
      dkimSelector: 'k1',
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      domain: 'example.jp',
      returnPathDomain: 'bounce.example.jp',
      checkedAt: null,
    });
    expect(
      body.records.map((record: { name: string; state: string }) => [record.name, record.state]),
    ).toEqual([
      ['k1._domainkey.example.jp', 'unchecked'],
      ['example.jp', 'unchecked'],
      ['_dmarc.example.jp', 'unchecked'],
      ['bounce.example.jp', 'unchecked'],
      ['bounce.example.jp', 'unchecked'],
    ]);
    expect(body.records[3].value).toBe('10 mail.example.jp');
    const row = h.db.select().from(dkimKeys).get()!;
    expect(row.privateKey).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    expect(body.records[0].value.replace(/" "|"/g, '')).toBe(`v=DKIM1; k=rsa; p=${row.publicKey}`);
    expect(h.sent.published).toBe(published + 1);
    expect(h.deps.spool.settings()!.domains[0]!.dkim[0]).toEqual({
      selector: 'k1',
      privateKey: row.privateKey,
    });
    expect(text + JSON.stringify(audited()) + (await get('/sending-domains')).text).not.toContain('PRIVATE');
  });

  it.each([
    ['no domain', { domain: 'not a domain' }, 422, 'value-invalid'],
    ['an address', { domain: '192.0.2.1' }, 422, 'value-invalid'],
    ['a bad return path', { domain: 'other.jp', returnPathDomain: 'x' }, 422, 'value-invalid'],
    ['a domain that is there', { domain: 'example.jp' }, 409, 'already-exists'],
  ])('refuses %s', async (_name, body, status, code) => {
    expect(await post('/sending-domains', body)).toMatchObject({ status, body: { code } });
  });

  it('asks the DNS for each record, every time anew, and keeps what it found', async () => {
    const row = h.db.select().from(dkimKeys).get()!;
    const check = async () => {
      const { body } = await post(`/sending-domains/${row.id}/check`);
      return Object.fromEntries(
        body.records.map((record: { purpose: string; state: string }) => [record.purpose, record.state]),
      );
    };
    const nothing = {
      dkim: 'missing',
      spf: 'missing',
      dmarc: 'missing',
      'return-path-mx': 'missing',
      'return-path-spf': 'missing',
    };
    expect(await check()).toEqual(nothing);

    const key = `v=DKIM1; k=rsa; p=${row.publicKey}`;
    Object.assign(dns.zone, {
      'k1._domainkey.example.jp': { TXT: [[key.slice(0, 255), key.slice(255)]] },
      'example.jp': { TXT: ['v=spf1 include:bounce.example.jp ~all', 'unrelated'] },
      '_dmarc.example.jp': { TXT: ['v=DMARC1; p=none'] },
      'mail.example.jp': { A: ['192.0.2.7'] },
      'bounce.example.jp': { MX: [[10, 'mx.elsewhere.example']], TXT: ['v=spf1 ip4:192.0.2.0/28 -all'] },
    });
    expect(await check()).toEqual({
      dkim: 'ok',
      spf: 'ok',
      dmarc: 'ok',
      'return-path-mx': 'different',
      'return-path-spf': 'ok',
    });
    dns.failures.set('example.jp', 'SERVFAIL');
    expect((await check()).spf).toBe('error');

    const { body } = await get(`/sending-domains/${row.id}`, viewer);
    expect(Date.parse(body.checkedAt)).toBeGreaterThan(0);
    expect(
      body.records.find((record: { purpose: string }) => record.purpose === 'return-path-mx'),
    ).toMatchObject({
      state: 'different',
      found: ['10 mx.elsewhere.example'],
    });
    expect(audited()).toMatchObject({ action: 'sending-domain.check' });
    expect((await post('/sending-domains/999/check')).status).toBe(404);
  });

  it('stays while a campaign sends from it, then goes', async () => {
    const { id } = h.db.select().from(sendingDomains).get()!;
    const { id: campaignId } = h.db
      .insert(campaigns)
      .values({ name: 'under way', state: 'sending', fromAddress: 'News@Example.jp' })
      .returning()
      .get();
    const path = `/api/v1/sending-domains/${id}`;
    expect(await call(h.admin, 'DELETE', path, admin)).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    });
    h.db.$client.prepare(`UPDATE campaigns SET state = 'finished' WHERE id = ?`).run(campaignId);
    expect((await call(h.admin, 'DELETE', path, admin)).status).toBe(204);
    expect((await get(`/sending-domains/${id}`)).status).toBe(404);
    expect(h.deps.spool.settings()!.domains).toEqual([]);
  });
});
