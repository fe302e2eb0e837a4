import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { auditSystem } from '../audit/audit.ts';
import { campaigns, lists, subscribers } from '../db/schema.ts';
import type { Routes } from '../deps.ts';
import { call, type Harness, startHarness } from '../testing/harness.ts';

let h: Harness;
let uiDir: string;
beforeAll(async () => {
  uiDir = mkdtempSync(join(tmpdir(), 'todoke-ui-'));
  mkdirSync(join(uiDir, 'assets'));
  writeFileSync(join(uiDir, 'index.html'), '<!doctype html><title>Todoke</title>');
  writeFileSync(join(uiDir, 'assets', 'main-abc123.js'), 'export {};');
  writeFileSync(join(uiDir, 'favicon.svg'), '<svg/>');
  h = await startHarness({ uiDir });
});
afterAll(async () => {
  await h.close();
  rmSync(uiDir, { recursive: true });
});

describe('the UI', () => {
  const html = { accept: 'text/html,application/xhtml+xml' };
  test.each(['/', '/campaigns/12/report', '/login'])('%s is the one page', async (url) => {
    const response = await call(h.admin, 'GET', url, html);
    expect([response.status, response.text]).toEqual([200, '<!doctype html><title>Todoke</title>']);
    expect(response.headers['cache-control']).toBe('no-cache');
  });

  test('hashed files are kept for ever, others are asked for again', async () => {
    const asset = await call(h.admin, 'GET', '/assets/main-abc123.js');
    expect([asset.status, asset.headers['cache-control']]).toEqual([
      200,
      'public, max-age=31536000, immutable',
    ]);
    expect(asset.headers['content-type']).toContain('javascript');
    expect((await call(h.admin, 'GET', '/favicon.svg')).headers['cache-control']).toBe('no-cache');
  });

  test.each([
    ['/assets/main-old.js', html],
    ['/api/v1/nothing', html],
    ['/campaigns', { accept: 'application/json' }],
    ['/../package.json', {}],
    ['/..%2fpackage.json', {}],
  ])('%s is not a page', async (url, headers) => {
    const response = await call(h.admin, 'GET', url, headers as Record<string, string>);
    expect([response.status, response.body.code]).toEqual([404, 'not-found']);
  });

  test('before it is built a page says what to do', async () => {
    const bare = await startHarness({ uiDir: join(uiDir, 'missing') });
    const response = await call(bare.admin, 'GET', '/', html);
    expect([response.status, response.text]).toEqual([503, expect.stringContaining('npm run build')]);
    await bare.close();
  });
});

test('no script but our own files can run, nothing comes from elsewhere, nobody else frames us', async () => {
  const { headers } = await call(h.admin, 'GET', '/');
  const policy = String(headers['content-security-policy']);
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self';");
  expect(policy).toContain("style-src 'self';");
  expect(policy).toContain("frame-ancestors 'self'");
  expect(policy).not.toMatch(/unsafe|https?:|upgrade-insecure/);
  expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'SAMEORIGIN' });
  expect(headers).not.toHaveProperty('strict-transport-security');
});

test('the public app: a policy without any script, and images that webmail may show', async () => {
  const { headers, body } = await call(h.public, 'GET', '/healthz');
  expect(body).toEqual({ ok: true });
  expect(headers['content-security-policy']).toMatch(/^default-src 'none';style-src 'self'/);
  expect(headers['cross-origin-resource-policy']).toBe('cross-origin');
  for (const url of ['/', '/api/v1/lists', '/metrics', '/readyz', '/api/docs']) {
    expect((await call(h.public, 'GET', url)).status, url).toBe(404);
  }
});

describe('probes', () => {
  test('alive, and ready only without problems', async () => {
    expect((await call(h.admin, 'GET', '/healthz')).body).toMatchObject({ ok: true });
    expect(await call(h.admin, 'GET', '/readyz')).toMatchObject({
      status: 200,
      body: { ready: true, problems: [] },
    });
    h.problems = ['MTA: not running'];
    expect(await call(h.admin, 'GET', '/readyz')).toMatchObject({
      status: 503,
      body: { ready: false, problems: ['MTA: not running'] },
    });
    h.problems = [];
  });

  test('metrics need their scope, and count requests, queue and ledger', async () => {
    expect((await call(h.admin, 'GET', '/metrics')).status).toBe(401);
    expect((await call(h.admin, 'GET', '/metrics', h.key('reports:read'))).status).toBe(403);
    const key = h.key('metrics:read');
    const event = {
      jobId: 1,
      deliveryId: 1,
      subscriberId: 1,
      listId: 0,
      link: -1,
      ip: '',
      userAgent: '',
      at: 1,
    };
    const scrape = async () => (await call(h.admin, 'GET', '/metrics', key)).text;
    h.deps.spool.recordEvents([
      { ...event, kind: 'opened' },
      { ...event, kind: 'opened' },
      { ...event, kind: 'clicked' },
    ]);
    const first = await scrape();
    expect(first).toContain('todoke_ledger_entries_total{kind="opened"} 2');
    expect(first).toContain('todoke_ledger_entries_total{kind="clicked"} 1');
    expect(first).toContain('todoke_queue_messages{class="bulk"} 0');
    expect(first).toContain('todoke_mta_up 0');
    expect(first).toMatch(
      /todoke_http_request_duration_seconds_count\{port="admin",method="GET",route="\/healthz",status="2xx"\} \d/,
    );
    expect(first).toContain('todoke_process_resident_memory_bytes');
    h.deps.spool.recordEvents([{ ...event, kind: 'opened' }]);
    h.mtaStatus = {
      at: 1,
      mode: 'sandbox',
      perSecond: 12,
      inFlight: 3,
      connections: 2,
      lines: [],
      sites: [],
      siteCount: 0,
      sources: [],
      relays: [],
      problems: [],
      rssMB: 50,
    };
    const second = await scrape();
    expect(second).toContain('todoke_ledger_entries_total{kind="opened"} 3');
    expect(second).toContain('todoke_mta_settled_per_second 12');
    expect(second).toContain('todoke_mta_up 1');
  });
});

describe('search', () => {
  beforeAll(() => {
    const people = Array.from({ length: 7 }, (_, i) => ({
      email: `taro${i}@example.com`,
      emailKey: `taro${i}@example.com`,
      name: '山田太郎',
    }));
    h.db.insert(subscribers).values(people).run();
    h.db.insert(lists).values({ name: '太郎の会' }).run();
    h.db.insert(campaigns).values({ name: '100% 太郎', subject: '' }).run();
  });

  const search = async (q: string, headers: Record<string, string>) =>
    call(h.admin, 'GET', `/api/v1/search?q=${encodeURIComponent(q)}`, headers);

  test('finds people, lists and campaigns, five of each at most', async () => {
    const { headers } = await h.login('viewer');
    const { body } = await search('太郎', headers);
    expect(body.items.map((item: { kind: string }) => item.kind)).toEqual([
      ...Array(5).fill('subscriber'),
      'list',
      'campaign',
    ]);
    expect(body.items[0]).toEqual({
      kind: 'subscriber',
      id: expect.any(Number),
      title: 'taro6@example.com',
      detail: '山田太郎',
    });
  });

  test('a percent sign is itself, blanks find nothing', async () => {
    const { headers } = await h.login('viewer');
    expect((await search('0%', headers)).body.items.map((item: { kind: string }) => item.kind)).toEqual([
      'campaign',
    ]);
    expect((await search('  ', headers)).body.items).toEqual([]);
  });

  test('a key sees only what its scopes cover', async () => {
    const { body } = await search('太郎', h.key('audience:read'));
    expect(new Set(body.items.map((item: { kind: string }) => item.kind))).toEqual(
      new Set(['subscriber', 'list']),
    );
  });
});

test('the audit log is paged, newest first', async () => {
  const { headers } = await h.login('administrator');
  for (let i = 1; i <= 5; i++) auditSystem(h.db, 'test', 'thing.do', `thing:${i}`, { i });
  const targets: string[] = [];
  let cursor = '';
  for (let page = 0; page < 3; page++) {
    const { body } = await call(h.admin, 'GET', `/api/v1/audit-log?limit=2${cursor}`, headers);
    targets.push(...body.items.map((item: { target: string }) => item.target));
    cursor = `&cursor=${body.nextCursor}`;
  }
  expect(targets.slice(0, 5)).toEqual(['thing:5', 'thing:4', 'thing:3', 'thing:2', 'thing:1']);
  const wrong = await call(h.admin, 'GET', '/api/v1/audit-log?cursor=abc', headers);
  expect([wrong.status, wrong.body.errors[0].pointer]).toEqual([400, 'cursor']);
});

test('a route that is not in the table cannot be registered', async () => {
  const forgotten: Routes = (app) => {
    app.get('/api/v1/forgotten', async () => 'open to everybody?');
  };
  await expect(startHarness({ features: [forgotten] })).rejects.toThrow('GET /api/v1/forgotten has no entry');
});
