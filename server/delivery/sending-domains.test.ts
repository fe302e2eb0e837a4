import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createResolver } from '../../mta/index.ts';
import { type DnsServer, startDnsServer } from '../../mta/test/dns-server.ts';
import { campaigns, dkimKeys, ipPools, ipSources } from '../db/schema.ts';
import { call, type Harness, startHarness } from '../testing/harness.ts';
import { nextSelector } from './dkim-keys.ts';
import { type DnsLookup, resolverLookup } from './dns-lookup.ts';
import { watchDomains } from './domain-watch.ts';
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

const byKey = (body: { records: { key: string; state: string }[] }) =>
  Object.fromEntries(body.records.map(({ key, state }) => [key, state]));
const patch = (path: string, body: object, headers = admin) =>
  call(h.admin, 'PATCH', `/api/v1${path}`, headers, body);
const remove = (path: string, headers = admin) => call(h.admin, 'DELETE', `/api/v1${path}`, headers);
const keyRows = () => h.db.select().from(dkimKeys).all();

/** What an administrator who does all that he is told would publish. */
function publish(body: { records: { type: string; name: string; value: string; purpose: string }[] }) {
  for (const { type, name, value, purpose } of body.records) {
    if (purpose === 'tlsrpt' || purpose === 'mta-sts' || name === '' || value === '') continue;
    const entry = dns.zone[name] ?? {};
    dns.zone[name] = entry;
    const text = [...value.matchAll(/"([^"]*)"/g)].map((match) => match[1]!);
    if (type === 'TXT') entry.TXT = [text.length > 0 ? text : value];
    else if (type === 'MX') entry.MX = [[10, value.split(' ')[1]!]];
    else if (type === 'PTR') entry.PTR = [value];
    else entry.A = [value];
  }
}

describe('sending domains', () => {
  let id: number;

  it('makes a key, shows the records and publishes it, and keeps the private half', async () => {
    const published = h.sent.published;
    const { status, body, text } = await post('/sending-domains', {
      domain: 'Example.JP.',
      dkimSelector: 'k1',
    });
    expect(status).toBe(201);
    id = body.id;
    expect(body).toMatchObject({
      domain: 'example.jp',
      returnPathDomain: 'bounce.example.jp',
      dkimSelector: 'k1',
      dkimKeys: [{ selector: 'k1', algorithm: 'rsa-2048', state: 'active' }],
      state: 'unchecked',
      checkedAt: null,
    });
    const required = body.records.filter((record: { required: boolean }) => record.required);
    expect(required.map((record: { name: string; state: string }) => [record.name, record.state])).toEqual([
      ['k1._domainkey.example.jp', 'unchecked'],
      ['bounce.example.jp', 'unchecked'],
      ['_dmarc.example.jp', 'unchecked'],
      ['bounce.example.jp', 'unchecked'],
      ['mail.example.jp', 'unchecked'],
      ['', 'unchecked'],
    ]);
    const row = keyRows()[0]!;
    expect(row.privateKey).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    expect(body.records[0].value.replace(/" "|"/g, '')).toBe(`v=DKIM1; k=rsa; p=${row.publicKey}`);
    expect(h.sent.published).toBe(published + 1);
    expect(h.deps.spool.settings()!.domains[0]!.dkim).toEqual([
      { selector: 'k1', privateKey: row.privateKey },
    ]);
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

  it('makes one domain of two requests at once', async () => {
    const answers = await Promise.all([1, 2].map(() => post('/sending-domains', { domain: 'twice.jp' })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
    const made = answers.find(({ status }) => status === 201)!.body.id;
    expect((await remove(`/sending-domains/${made}`)).status).toBe(204);
    expect(keyRows()).toHaveLength(1);
  });

  it('is ready once all that it asks for is published, each look asking the DNS anew', async () => {
    const first = await post(`/sending-domains/${id}/check`);
    expect(first.body).toMatchObject({
      state: 'attention',
      missing: ['dkim', 'return-path-spf', 'dmarc', 'return-path-mx', 'ehlo', 'ptr'],
    });

    dns.zone['mail.example.jp'] = { A: ['192.0.2.7'] };
    const second = await post(`/sending-domains/${id}/check`);
    expect(byKey(second.body)).toMatchObject({ 'ehlo:mail.example.jp': 'ok', 'ptr:192.0.2.7': 'missing' });
    publish(second.body);
    const third = await post(`/sending-domains/${id}/check`);
    expect(third.body).toMatchObject({ state: 'ready', missing: [] });
    expect(byKey(third.body)).toEqual({
      'dkim:k1': 'ok',
      'return-path-spf': 'ok',
      spf: 'ok',
      'from-address': 'ok',
      dmarc: 'ok',
      'return-path-mx': 'ok',
      'ehlo:mail.example.jp': 'ok',
      'ptr:192.0.2.7': 'ok',
      tlsrpt: 'missing',
      'mta-sts': 'missing',
    });
    expect((await get(`/sending-domains/${id}`, viewer)).body).toEqual(third.body);
    expect(JSON.parse(audited().detail)).toMatchObject({ 'dkim:k1': 'ok' });
  });

  it('looks up one record alone and keeps what it knew of the others', async () => {
    dns.zone['_dmarc.example.jp'] = { TXT: ['v=DMARC1; p=nonsense'] };
    dns.zone['bounce.example.jp']!.MX = [[10, 'elsewhere.example']];
    const { body } = await post(`/sending-domains/${id}/check`, { records: ['dmarc'] });
    expect(byKey(body)).toMatchObject({ dmarc: 'different', 'return-path-mx': 'ok' });
    expect(body.records.find(({ key }: { key: string }) => key === 'dmarc')).toMatchObject({
      found: ['v=DMARC1; p=nonsense'],
      advice: [{ code: 'dmarc-policy-invalid', values: { policy: 'nonsense' } }],
    });
    expect(JSON.parse(audited().detail)).toEqual({ dmarc: 'different' });
    dns.zone['_dmarc.example.jp'] = { TXT: ['v=DMARC1; p=none'] };
    dns.zone['bounce.example.jp']!.MX = [[10, 'mail.example.jp']];
    expect((await post(`/sending-domains/${id}/check`)).body.state).toBe('ready');
  });

  it.each([
    ['a domain that is not there', '/sending-domains/999/check', {}, 404],
    ['a record that is not there', '/sending-domains/1/check', { records: ['dkim:nobody'] }, 404],
    ['no records', '/sending-domains/1/check', { records: [] }, 400],
  ])('does not check %s', async (_name, path, body, status) => {
    expect((await post(path, body)).status).toBe(status);
  });

  describe('settings', () => {
    it('write the DMARC record, whose last check no longer counts', async () => {
      const { status, body } = await patch(`/sending-domains/${id}`, {
        dmarcPolicy: 'quarantine',
        dmarcReports: ' dmarc@example.jp ',
      });
      expect(status).toBe(200);
      expect(body.records.find(({ key }: { key: string }) => key === 'dmarc')).toMatchObject({
        value: 'v=DMARC1; p=quarantine; rua=mailto:dmarc@example.jp',
        state: 'unchecked',
      });
      expect(body).toMatchObject({ state: 'attention', missing: ['dmarc'] });
      const checked = await post(`/sending-domains/${id}/check`, { records: ['dmarc'] });
      expect(checked.body).toMatchObject({ state: 'ready' });
      expect(
        checked.body.records
          .find(({ key }: { key: string }) => key === 'dmarc')
          .advice.map(({ code }: { code: string }) => code),
      ).toEqual(['dmarc-policy-weaker', 'dmarc-reports-none']);
    });

    it('bind a pool: its addresses are what SPF, EHLO and PTR are about, and the MTA knows', async () => {
      const pool = h.db
        .insert(ipPools)
        .values({ name: 'news', sources: [{ address: '192.0.2.8', weight: 1 }] })
        .returning()
        .get();
      h.db.insert(ipSources).values({ address: '192.0.2.8', ehlo: 'mta2.example.jp' }).run();
      h.deps.publishDelivery();
      const { body } = await patch(`/sending-domains/${id}`, { poolId: pool.id });
      expect(body.poolId).toBe(pool.id);
      expect(Object.keys(byKey(body))).toEqual(
        expect.arrayContaining(['ehlo:mta2.example.jp', 'ptr:192.0.2.8']),
      );
      expect(body.records.find(({ key }: { key: string }) => key === 'return-path-spf')).toMatchObject({
        value: 'v=spf1 ip4:192.0.2.8 -all',
        state: 'unchecked',
      });
      expect(h.deps.spool.settings()!.domains[0]!.poolId).toBe(pool.id);
      expect((await patch(`/sending-domains/${id}`, { poolId: null })).body.poolId).toBeNull();
    });

    it('move the return path, to be published and known to the MTA', async () => {
      const { body } = await patch(`/sending-domains/${id}`, { returnPathDomain: 'rp.example.jp' });
      expect(byKey(body)).toMatchObject({ 'return-path-mx': 'unchecked', 'return-path-spf': 'unchecked' });
      expect(h.deps.spool.settings()!.domains[0]!.returnPathDomain).toBe('rp.example.jp');
      await patch(`/sending-domains/${id}`, { returnPathDomain: 'bounce.example.jp' });
    });

    it.each([
      [{ dmarcPolicy: 'strict' }, 400, '/dmarcPolicy'],
      [{ dmarcReports: 'nobody' }, 422, '/dmarcReports'],
      [{ poolId: 999 }, 422, '/poolId'],
      [{ returnPathDomain: 'not a domain' }, 422, '/returnPathDomain'],
    ])('%j is refused', async (body, status, pointer) => {
      expect(await patch(`/sending-domains/${id}`, body)).toMatchObject({
        status,
        body: { errors: [{ pointer }] },
      });
    });
  });

  describe('a rotation', () => {
    let next: { id: number; selector: string; recordName: string };

    it('begins with a key that signs nothing', async () => {
      const signing = h.deps.spool.settings()!.domains[0]!.dkim;
      const { status, body } = await post(`/sending-domains/${id}/dkim-keys`, {});
      expect(status).toBe(201);
      next = body.dkimKeys.find(({ state }: { state: string }) => state === 'pending');
      expect(next).toMatchObject({ algorithm: 'rsa-2048', selector: expect.stringMatching(/^tdk\d{6}$/) });
      expect(body.dkimSelector).toBe('k1');
      h.deps.publishDelivery();
      expect(h.deps.spool.settings()!.domains[0]!.dkim).toEqual(signing);
      expect(audited()).toMatchObject({ action: 'dkim-key.create' });
      expect((await post(`/sending-domains/${id}/dkim-keys`, {})).body.code).toBe('wrong-state');
    });

    it('does not go on before the record is in the DNS', async () => {
      const path = `/sending-domains/${id}/dkim-keys/${next.id}/activate`;
      expect(await post(path, {})).toMatchObject({
        status: 409,
        body: {
          code: 'wrong-state',
          errors: [{ pointer: '/force', code: 'dkim-record-missing', value: next.recordName }],
        },
      });
      expect(keyRows().map(({ state }) => state)).toEqual(['active', 'pending']);
      expect((await remove(`/sending-domains/${id}/dkim-keys/${keyRows()[0]!.id}`)).status).toBe(409);
    });

    it('lets the new key sign, and the old record stay for a week', async () => {
      publish((await get(`/sending-domains/${id}`)).body);
      const before = Date.now();
      const { status, body } = await post(`/sending-domains/${id}/dkim-keys/${next.id}/activate`, {});
      expect(status).toBe(200);
      expect(body.dkimSelector).toBe(next.selector);
      const [old, current] = keyRows();
      expect([old!.state, current!.state]).toEqual(['retiring', 'active']);
      expect(Math.round((old!.retireAt! - before) / 86_400_000)).toBe(7);
      expect(h.deps.spool.settings()!.domains[0]!.dkim).toEqual([
        { selector: next.selector, privateKey: current!.privateKey },
      ]);
      // its record is still looked after
      expect(byKey(body)).toHaveProperty('dkim:k1');
      expect(JSON.parse(audited().detail)).toEqual({ selector: next.selector, recordFound: true });
      expect((await remove(`/sending-domains/${id}/dkim-keys/${old!.id}`)).status).toBe(409);
    });

    it('can be taken back while the old record stands', async () => {
      const [old] = keyRows();
      expect((await post(`/sending-domains/${id}/dkim-keys/${old!.id}/activate`, {})).status).toBe(200);
      expect(keyRows().map(({ state }) => state)).toEqual(['active', 'retiring']);
      await post(`/sending-domains/${id}/dkim-keys/${next.id}/activate`, { overlapDays: 3 });
      expect(Math.round((keyRows()[0]!.retireAt! - Date.now()) / 86_400_000)).toBe(3);
    });

    it('ends: the record may go, the private key is destroyed, and the key can be deleted', async () => {
      const old = keyRows()[0]!;
      h.db
        .update(dkimKeys)
        .set({ retireAt: Date.now() - 1 })
        .where(eq(dkimKeys.id, old.id))
        .run();
      const shown = (await get(`/sending-domains/${id}`)).body;
      expect(shown.dkimKeys[0]).toMatchObject({ selector: 'k1', state: 'retired' });
      expect(byKey(shown)).not.toHaveProperty('dkim:k1');
      expect((await post(`/sending-domains/${id}/dkim-keys/${old.id}/activate`, {})).status).toBe(409);
      await watchDomains(h.deps, async () => Promise.reject(new Error('no domain is due')), Date.now());
      expect(keyRows()[0]).toMatchObject({ state: 'retired', privateKey: '' });
      expect((await remove(`/sending-domains/${id}/dkim-keys/${old.id}`)).status).toBe(200);
      expect(keyRows()).toHaveLength(1);
      expect(audited()).toMatchObject({ action: 'dkim-key.delete', detail: '{"selector":"k1"}' });
    });

    it('is not for keys of another domain, nor for those who only look', async () => {
      expect((await post(`/sending-domains/${id}/dkim-keys/999/activate`, {})).status).toBe(404);
      expect((await remove(`/sending-domains/${id}/dkim-keys/999`)).status).toBe(404);
      expect((await post(`/sending-domains/${id}/dkim-keys`, {}, viewer)).status).toBe(403);
    });
  });

  describe('a second signature', () => {
    it('is a key of its own, which signs once it is activated, in spite of the DNS when somebody answers for it', async () => {
      const on = await patch(`/sending-domains/${id}`, { ed25519: true });
      expect(on.body.ed25519).toBe(true);
      const key = on.body.dkimKeys.find(({ algorithm }: { algorithm: string }) => algorithm === 'ed25519');
      expect(key.state).toBe('pending');
      const record = on.body.records.find(({ keyId }: { keyId: number }) => keyId === key.id);
      expect(record).toMatchObject({
        level: 'recommended',
        value: expect.stringMatching(/^v=DKIM1; k=ed25519; p=[A-Za-z0-9+/]{43}=$/),
      });
      const { body } = await post(`/sending-domains/${id}/dkim-keys/${key.id}/activate`, {
        force: { reason: 'internal view of the DNS' },
      });
      expect(body.dkimKeys.map(({ state }: { state: string }) => state)).toEqual(['active', 'active']);
      expect(h.deps.spool.settings()!.domains[0]!.dkim.map(({ selector }) => selector)).toEqual([
        body.dkimSelector,
        key.selector,
      ]);
      expect(JSON.parse(audited().detail)).toEqual({
        selector: key.selector,
        recordFound: false,
        reason: 'internal view of the DNS',
      });
    });

    it('ends like any key', async () => {
      const { body } = await patch(`/sending-domains/${id}`, { ed25519: false });
      expect(body.ed25519).toBe(false);
      expect(body.dkimKeys.map(({ state }: { state: string }) => state)).toEqual(['active', 'retiring']);
      expect(h.deps.spool.settings()!.domains[0]!.dkim).toHaveLength(1);
      // switched on and off again before it ever signed: nothing stays
      await patch(`/sending-domains/${id}`, { ed25519: true });
      const again = await patch(`/sending-domains/${id}`, { ed25519: false });
      expect(again.body.dkimKeys).toHaveLength(2);
    });
  });

  describe('the daily look', () => {
    const withDns = <T>(work: (lookup: DnsLookup) => Promise<T>): Promise<T> => {
      const resolver = createResolver({ servers: [dns.address], timeoutMs: 500 });
      return work(resolverLookup(resolver)).finally(() => resolver.close());
    };

    it('finds a record that was removed, and tells the audit log once', async () => {
      publish((await get(`/sending-domains/${id}`)).body);
      expect((await post(`/sending-domains/${id}/check`)).body.state).toBe('ready');
      const entries = () =>
        h.db.$client
          .prepare("SELECT detail FROM audit_log WHERE action = 'sending-domain.state'")
          .pluck()
          .all() as string[];
      dns.zone['_dmarc.example.jp'] = {};
      await watchDomains(h.deps, withDns, Date.now() + 3_600_000);
      expect(entries()).toEqual([]);
      await watchDomains(h.deps, withDns, Date.now() + 25 * 3_600_000);
      expect(entries().map((detail) => JSON.parse(detail))).toEqual([
        { domain: 'example.jp', state: 'attention', missing: ['dmarc'] },
      ]);
      await watchDomains(h.deps, withDns, Date.now() + 25 * 3_600_000);
      expect(entries()).toHaveLength(1);
    });
  });

  it('wants the addresses of pools that only campaigns name, says which, and looks at them within the hour', async () => {
    const withDns = <T>(work: (lookup: DnsLookup) => Promise<T>): Promise<T> => {
      const resolver = createResolver({ servers: [dns.address], timeoutMs: 500 });
      return work(resolverLookup(resolver)).finally(() => resolver.close());
    };
    publish((await get(`/sending-domains/${id}`)).body);
    await post(`/sending-domains/${id}/check`);
    h.db.insert(ipSources).values({ address: '203.0.113.77', ehlo: 'season.example.jp' }).run();
    const pool = h.db
      .insert(ipPools)
      .values({ name: '季節', sources: [{ address: '203.0.113.77', weight: 1 }] })
      .returning()
      .get();
    h.deps.publishDelivery();
    const campaign = h.db
      .insert(campaigns)
      .values({ name: '冬', fromAddress: 'News@Example.jp', poolId: pool.id })
      .returning()
      .get();
    const ptr = async () =>
      (await get(`/sending-domains/${id}`)).body.records.find(
        ({ address }: { address: string }) => address === '203.0.113.77',
      );
    expect(await ptr()).toMatchObject({
      purpose: 'ptr',
      ehlo: 'season.example.jp',
      pools: ['季節'],
      state: 'unchecked',
    });
    await watchDomains(h.deps, withDns, Date.now());
    expect(await ptr()).toMatchObject({ state: 'missing' });
    const spf = (await get(`/sending-domains/${id}`)).body.records.find(
      ({ key }: { key: string }) => key === 'return-path-spf',
    );
    expect(spf).toMatchObject({
      state: 'different',
      advice: [{ code: 'spf-pool-not-allowed', values: { addresses: '203.0.113.77', pools: '季節' } }],
    });
    h.db.$client.prepare(`UPDATE campaigns SET state = 'finished' WHERE id = ?`).run(campaign.id);
    expect(await ptr()).toBeUndefined();
  });

  it('stays while a campaign sends from it, then goes with its keys', async () => {
    const { id: campaignId } = h.db
      .insert(campaigns)
      .values({ name: 'under way', state: 'sending', fromAddress: 'News@Example.jp' })
      .returning()
      .get();
    expect(await remove(`/sending-domains/${id}`)).toMatchObject({ status: 409, body: { code: 'conflict' } });
    h.db.$client.prepare(`UPDATE campaigns SET state = 'finished' WHERE id = ?`).run(campaignId);
    expect((await remove(`/sending-domains/${id}`)).status).toBe(204);
    expect((await get(`/sending-domains/${id}`)).status).toBe(404);
    expect(keyRows()).toEqual([]);
    expect(h.deps.spool.settings()!.domains).toEqual([]);
  });
});

describe('selectors', () => {
  const november = new Date('2026-11-25T00:00:00Z');
  it.each([
    ['rsa-2048', [], 'tdk202611'],
    ['rsa-2048', ['tdk202611'], 'tdk202611b'],
    ['rsa-2048', ['tdk202611', 'tdk202611b', 'tdk202611c'], 'tdk202611d'],
    ['ed25519', ['tdk202611'], 'tdk202611ed'],
  ] as const)('of %s beside %j: %s', (algorithm, taken, expected) => {
    expect(nextSelector(algorithm, taken, november)).toBe(expected);
  });
});
