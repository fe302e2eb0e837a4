import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../mta/sandbox/sandbox.ts';
import { type DnsServer, startDnsServer } from '../../mta/test/dns-server.ts';
import { campaigns, routes, sendingDomains, subscribers } from '../db/schema.ts';
import { call, type Harness, startHarness } from '../testing/harness.ts';
import { deliveryRoutes } from './routes.ts';

let h: Harness;
let dns: DnsServer;
let admin: Record<string, string>;
let viewer: Record<string, string>;

beforeAll(async () => {
  dns = await startDnsServer({});
  h = await startHarness({
    features: [deliveryRoutes],
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

describe('deliveries', () => {
  let campaignId: number;
  let personId: number;

  beforeAll(() => {
    const jobId = h.deps.spool.createJob({
      ref: 'campaign:1',
      class: 'bulk',
      content: {
        from: { name: '', address: 'a@example.jp' },
        subject: 's',
        text: 't',
        track: { opens: true, clicks: true },
      },
    });
    campaignId = h.db.insert(campaigns).values({ name: '秋号', jobId }).returning().get().id;
    personId = h.db
      .insert(subscribers)
      .values({ email: 'sato@example.jp', emailKey: 'sato@example.jp' })
      .returning()
      .get().id;
    const event = { jobId, deliveryId: 1, listId: 0, link: -1, ip: '192.0.2.1', userAgent: 'test' };
    h.deps.spool.recordEvents([
      { ...event, kind: 'opened', at: 1000, subscriberId: personId },
      { ...event, kind: 'clicked', at: 2000, subscriberId: personId, link: 0 },
      { ...event, kind: 'opened', at: 3000, subscriberId: 999 },
      { ...event, kind: 'opened', at: 4000, subscriberId: personId, jobId: jobId + 1 },
    ]);
  });

  it('names campaign and person, newest first, in pages', async () => {
    const first = await get('/deliveries?limit=2', viewer);
    expect(first.body.items).toMatchObject([
      {
        kind: 'opened',
        at: '1970-01-01T00:00:04.000Z',
        campaignId: null,
        campaignName: null,
        recipient: 'sato@example.jp',
      },
      // erased since: nothing to link to
      { kind: 'opened', campaignId, campaignName: '秋号', subscriberId: null, recipient: '' },
    ]);
    const second = await get(`/deliveries?limit=2&cursor=${first.body.nextCursor}`);
    expect(second.body).toMatchObject({
      items: [{ kind: 'clicked', subscriberId: personId }, { kind: 'opened' }],
      nextCursor: null,
    });
  });

  it.each([
    ['campaign', () => `campaignId=${campaignId}`, 3],
    ['person', () => `subscriberId=${personId}`, 3],
    ['kind', () => 'kind=clicked', 1],
    ['time', () => 'from=1970-01-01T00:00:02Z&to=1970-01-01T00:00:04Z', 2],
    ['recipient', () => 'recipient=nobody@example.jp', 0],
  ])('filters by %s', async (_name, query, count) => {
    expect((await get(`/deliveries?${query()}`)).body.items).toHaveLength(count);
  });

  it('has nothing for a campaign that was not started, and no such campaign', async () => {
    const { id } = h.db.insert(campaigns).values({ name: 'draft' }).returning().get();
    expect((await get(`/deliveries?campaignId=${id}`)).body).toEqual({ items: [], nextCursor: null });
    expect(await get('/deliveries?campaignId=99999')).toMatchObject({
      status: 404,
      body: { code: 'not-found' },
    });
    expect(await get('/deliveries?cursor=x')).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: 'cursor' }] },
    });
    expect(await get('/deliveries?from=2026-01-01T00:00:00%2B09')).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: 'from', code: 'format' }] },
    });
  });
});

describe('queues', () => {
  it('shows what waits and what the MTA says of it', async () => {
    const jobId = h.deps.spool.jobByRef('campaign:1')!.id;
    h.deps.spool.enqueue(jobId, {
      from: 0,
      to: 2,
      rows: ['a', 'b'].map((local) => ({
        address: `${local}@docomo.ne.jp`,
        subscriberId: 0,
        listId: 0,
        merge: {},
      })),
    });
    expect((await get('/queues')).body).toMatchObject({
      mode: 'sandbox',
      running: false,
      queued: 2,
      items: [{ domain: 'docomo.ne.jp', class: 'bulk', queued: 2, due: 2, waiting: 'ready', inFlight: 0 }],
    });
    h.mtaStatus = {
      at: 0,
      mode: 'sandbox',
      perSecond: 12.5,
      inFlight: 1,
      sites: [],
      sources: [],
      relays: [],
      problems: [],
      connections: 1,
      rssMB: 80.4,
      lines: [
        {
          domain: 'docomo.ne.jp',
          class: 'bulk',
          provider: 'docomo',
          waiting: 'rate-limit',
          inFlight: 1,
          connections: 1,
          lastReply: '421 busy',
          lastReplyAt: 5000,
        },
      ],
    };
    expect((await get('/queues', viewer)).body).toMatchObject({
      running: true,
      perSecond: 12.5,
      rssMB: 80,
      items: [
        {
          provider: 'docomo',
          waiting: 'rate-limit',
          lastReply: '421 busy',
          lastReplyAt: '1970-01-01T00:00:05.000Z',
        },
      ],
    });
  });

  it('stops everything and goes on, audited and told to the MTA and every screen', async () => {
    expect((await post('/queues/stop', undefined, viewer)).status).toBe(403);
    h.sent.mta.length = 0;
    h.sent.events.length = 0;
    expect(await post('/queues/stop')).toMatchObject({
      status: 200,
      body: { stopped: true, items: [{ waiting: 'stopped' }] },
    });
    expect(h.deps.spool.stopped()).toBe(true);
    expect(h.sent.mta).toEqual([{ type: 'settings' }]);
    expect(h.sent.events).toMatchObject([{ type: 'queues', data: { stopped: true } }]);
    expect(audited()).toMatchObject({ action: 'queues.stop' });
    expect((await post('/queues/resume')).body.stopped).toBe(false);
    expect(h.deps.spool.stopped()).toBe(false);
    expect(audited()).toMatchObject({ action: 'queues.resume' });
  });
});

describe('sandbox messages', () => {
  let sandbox: Sandbox;
  let id: number;

  beforeAll(async () => {
    sandbox = await startSandbox({ dataDir: h.dataDir });
    const transport = createTransport({ host: '127.0.0.1', port: sandbox.port, ignoreTLS: true });
    await transport.sendMail({
      from: 'a@example.jp',
      to: 'plain@example.jp',
      subject: 'plain',
      text: '本文だけ',
    });
    await transport.sendMail({
      envelope: { from: 'v-1@bounce.example.jp', to: 'sato@example.jp' },
      from: '届け <news@example.jp>',
      to: 'sato@example.jp',
      subject: '写真つき',
      text: 'テキスト',
      html: '<html><head><title>t</title></head><body><script>alert(1)</script><img src="cid:logo"><a href="https://example.jp/">見る</a></body></html>',
      attachments: [
        { filename: 'logo.png', content: Buffer.from('PNG'), cid: 'logo' },
        { filename: '案内.pdf', content: Buffer.from('PDF') },
      ],
    });
    const page = await get('/sandbox-messages?limit=1', viewer);
    expect(page.body.items).toMatchObject([
      { from: '届け <news@example.jp>', to: 'sato@example.jp', subject: '写真つき' },
    ]);
    expect((await get(`/sandbox-messages?cursor=${page.body.nextCursor}`)).body).toMatchObject({
      items: [{ subject: 'plain' }],
      nextCursor: null,
    });
    id = page.body.items[0].id;
  });
  afterAll(() => sandbox.stop());

  it('searches', async () => {
    expect((await get(`/sandbox-messages?q=${encodeURIComponent('写真')}`)).body.items).toHaveLength(1);
  });

  it('shows one parsed', async () => {
    const { body } = await get(`/sandbox-messages/${id}`);
    expect(body).toMatchObject({
      subject: '写真つき',
      hasHtml: true,
      attachments: [{ filename: '案内.pdf', size: 3 }],
    });
    expect(body.text.trim()).toBe('テキスト');
    expect(body.headers).toContainEqual({ name: 'Subject', value: '写真つき' });
  });

  it('gives the HTML under a policy of its own, with inline images and links that leave the frame', async () => {
    const { status, headers, text } = await get(`/sandbox-messages/${id}/html`);
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['content-security-policy']).toMatch(
      /^sandbox allow-popups [^;]*; default-src 'none'; img-src data: http: https:;/,
    );
    expect(headers['content-security-policy']).not.toMatch(/allow-scripts|allow-same-origin|script-src/);
    expect(text).toContain('<head><base target="_blank">');
    expect(text).toContain(`src="data:image/png;base64,${Buffer.from('PNG').toString('base64')}"`);
    expect(await get(`/sandbox-messages/${id - 1}/html`)).toMatchObject({
      status: 404,
      body: { code: 'not-found' },
    });
  });

  it('gives the source with the envelope', async () => {
    const { headers, text } = await get(`/sandbox-messages/${id}/source`);
    expect(headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'x-content-type-options': 'nosniff',
    });
    expect(text).toMatch(/^Return-Path: <v-1@bounce\.example\.jp>\r\nDelivered-To: sato@example\.jp\r\n/);
    expect((await get('/sandbox-messages/9999/source')).status).toBe(404);
  });

  it('is emptied by those who manage delivery', async () => {
    expect((await call(h.admin, 'DELETE', '/api/v1/sandbox-messages', viewer)).status).toBe(403);
    expect((await call(h.admin, 'DELETE', '/api/v1/sandbox-messages', admin)).status).toBe(204);
    expect((await get('/sandbox-messages')).body.items).toEqual([]);
    expect(audited()).toMatchObject({ action: 'sandbox-messages.clear', detail: '{"count":2}' });
  });
});

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
    const row = h.db.select().from(sendingDomains).get()!;
    expect(row.dkimPrivateKey).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    expect(body.records[0].value.replace(/" "|"/g, '')).toBe(`v=DKIM1; k=rsa; p=${row.dkimPublicKey}`);
    expect(h.sent.published).toBe(published + 1);
    expect(h.deps.spool.settings()!.domains[0]!.dkim[0]).toEqual({
      selector: 'k1',
      privateKey: row.dkimPrivateKey,
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
    const row = h.db.select().from(sendingDomains).get()!;
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

    const key = `v=DKIM1; k=rsa; p=${row.dkimPublicKey}`;
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

describe('routes', () => {
  const relay = { host: '127.0.0.1', port: 2525, user: 'todoke', password: 'open sesame' };
  let id: number;

  it('are made, published and shown without passwords', async () => {
    const { status, body, text } = await post('/routes', {
      match: '*.Example.JP',
      relay: [relay, { host: 'Relay.local', port: 25 }],
    });
    expect(status).toBe(201);
    id = body.id;
    expect(body).toMatchObject({
      match: '*.example.jp',
      relay: [
        { host: '127.0.0.1', port: 2525, user: 'todoke', hasPassword: true },
        { host: 'relay.local', hasPassword: false },
      ],
    });
    expect(h.deps.spool.settings()!.routes[0]!.relay![0]!.password).toBe('open sesame');
    expect(text + (await get('/routes')).text + JSON.stringify(audited())).not.toContain('sesame');
  });

  it.each([
    ['the host as it is', [{ host: '127.0.0.1', port: 2525, user: 'todoke', connections: 5 }], 'open sesame'],
    ['a new password', [{ ...relay, password: 'another' }], 'another'],
    ['no login any more', [{ host: '127.0.0.1', port: 2525 }], undefined],
  ])('keep or change a password: %s', async (_name, hosts, password) => {
    const patched = await call(h.admin, 'PATCH', `/api/v1/routes/${id}`, admin, { relay: hosts });
    expect(patched.status).toBe(200);
    expect(h.db.select().from(routes).get()!.relay[0]!.password).toBe(password);
    expect(h.deps.spool.settings()!.routes[0]!.relay![0]!.password).toBe(password);
  });

  it.each([
    ['a bad pattern', { match: 'a.*' }, 422, 'value-invalid', '/match'],
    ['a pattern that is there', { match: '*.example.jp' }, 409, 'already-exists', '/match'],
    [
      'a bad host',
      { match: 'a.jp', relay: [{ host: 'bad host', port: 25 }] },
      422,
      'value-invalid',
      '/relay/0/host',
    ],
    [
      'a user without password',
      { match: 'a.jp', relay: [{ host: 'a', port: 25, user: 'u' }] },
      422,
      'value-invalid',
      '/relay/0/password',
    ],
    [
      'a port out of range',
      { match: 'a.jp', relay: [{ host: 'a', port: 70000 }] },
      400,
      'invalid-request',
      '/relay/0/port',
    ],
  ])('refuse %s', async (_name, body, status, code, pointer) => {
    expect(await post('/routes', body)).toMatchObject({ status, body: { code, errors: [{ pointer }] } });
  });

  it('belong to those who manage delivery, and go', async () => {
    expect((await get('/routes', viewer)).status).toBe(403);
    expect((await call(h.admin, 'DELETE', `/api/v1/routes/${id}`, admin)).status).toBe(204);
    expect((await call(h.admin, 'DELETE', `/api/v1/routes/${id}`, admin)).status).toBe(404);
    expect((await get('/routes')).body.items).toEqual([]);
  });
});
