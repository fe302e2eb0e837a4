import Database from 'better-sqlite3';
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../mta/sandbox/sandbox.ts';
import { campaigns, routes, subscribers } from '../db/schema.ts';
import { call, type Harness, startHarness } from '../testing/harness.ts';
import { deliveryRoutes } from './routes.ts';

let h: Harness;
let admin: Record<string, string>;
let viewer: Record<string, string>;

beforeAll(async () => {
  h = await startHarness({
    features: [deliveryRoutes],
    env: { TODOKE_PUBLIC_URL: 'https://mail.example.jp' },
  });
  admin = (await h.login('administrator')).headers;
  viewer = (await h.login('viewer')).headers;
});
afterAll(async () => {
  await h.close();
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

  it('tells what decided about TLS', async () => {
    const spool = new Database(`${h.dataDir}/spool.db`);
    const { id } = spool.prepare(`SELECT id FROM ledger WHERE kind = 'clicked'`).get() as { id: number };
    const set = spool.prepare('UPDATE ledger SET tls = ?, tls_policy = ? WHERE id = ?');
    set.run('TLSv1.3 TLS_AES_256_GCM_SHA384', 'mta-sts', id);
    const { body } = await get('/deliveries?kind=clicked');
    set.run('', '', id);
    spool.close();
    expect(body.items).toMatchObject([{ tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384', tlsPolicy: 'mta-sts' }]);
    expect((await get('/deliveries?kind=clicked')).body.items).toMatchObject([{ tlsPolicy: '' }]);
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
      items: [{ domain: 'docomo.ne.jp', class: 'bulk', queued: 2, due: 2, waiting: 'unknown', inFlight: 0 }],
    });
    h.mtaStatus = {
      at: 0,
      mode: 'sandbox',
      perSecond: 12.5,
      inFlight: 1,
      sites: [],
      siteCount: 0,
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
