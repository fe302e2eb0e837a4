import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { suppressions } from '../db/schema.ts';
import { hashedKey } from '../suppression/hashed-key.ts';
import {
  addAttribute,
  addList,
  addPeople,
  addPerson,
  FakeMta,
  workerContext,
} from '../test/campaign-fixtures.ts';
import { call, type Harness, startHarness } from '../testing/harness.ts';
import { runEnqueue } from './enqueue.ts';
import { Fold } from './fold.ts';
import { copyName } from './lifecycle.ts';
import { overTime, POINTS_MAX, ratesOf } from './report.ts';
import { campaignRoutes } from './routes.ts';
import { testSubject } from './test-send.ts';
import { countsOf } from './view.ts';

describe('rates', () => {
  it('are shares, and 0 where nothing was sent', () => {
    expect(ratesOf(countsOf(undefined, undefined))).toEqual({
      delivered: 0,
      bounced: 0,
      opened: 0,
      clicked: 0,
      unsubscribed: 0,
    });
    const counts = {
      ...countsOf(undefined, undefined),
      sent: 10,
      delivered: 8,
      bounced: 1,
      uniqueOpens: 4,
      opens: 90,
      uniqueClicks: 2,
      clicks: 70,
      unsubscribes: 1,
    };
    expect(ratesOf(counts)).toEqual({
      delivered: 0.8,
      bounced: 0.1,
      opened: 0.5,
      clicked: 0.25,
      unsubscribed: 0.125,
    });
  });
});

describe('counts over time', () => {
  const MINUTE = 60_000;
  const at = (minutes: number) => Date.UTC(2026, 0, 1) + minutes * MINUTE;
  const row = (minutes: number, kind: string, count: number) => ({ minute: at(minutes), kind, count });

  it('have a point for every step, without a gap', () => {
    expect(overTime([])).toEqual({ step: 60, points: [] });
    const { step, points } = overTime([row(0, 'delivered', 5), row(0, 'opened', 1), row(3, 'clicked', 2)]);
    expect(step).toBe(60);
    expect(points.map((point) => [point.at, point.delivered, point.opened, point.clicked])).toEqual([
      ['2026-01-01T00:00:00.000Z', 5, 1, 0],
      ['2026-01-01T00:01:00.000Z', 0, 0, 0],
      ['2026-01-01T00:02:00.000Z', 0, 0, 0],
      ['2026-01-01T00:03:00.000Z', 0, 0, 2],
    ]);
  });

  const spans: [string, number, number][] = [
    ['199 minutes', 199, 60],
    ['200 minutes', 200, 300],
    ['16 hours', 16 * 60, 300],
    ['two days', 48 * 60, 900],
    ['a week', 7 * 1440, 3600],
    ['a month', 30 * 1440, 6 * 3600],
    ['a year', 365 * 1440, 7 * 86_400],
    ['ten years', 3650 * 1440, 28 * 86_400],
    ['thirty years', 10_950 * 1440, 0],
  ];
  for (const [name, minutes, expected] of spans) {
    it(`over ${name} are at most ${POINTS_MAX} points and lose nothing`, () => {
      const { step, points } = overTime([
        row(0, 'delivered', 3),
        row(7, 'delivered', 2),
        row(minutes, 'delivered', 4),
      ]);
      if (expected > 0) expect(step).toBe(expected);
      expect(points.length).toBeLessThanOrEqual(POINTS_MAX);
      expect(points.reduce((sum, point) => sum + point.delivered, 0)).toBe(9);
      expect(Date.parse(points[0]!.at)).toBeLessThanOrEqual(at(0));
      expect(Date.parse(points.at(-1)!.at) + step * 1000).toBeGreaterThan(at(minutes));
    });
  }
});

it('a copy is numbered', () => {
  expect(copyName('夏')).toBe('夏 (2)');
  expect(copyName('夏 (2)')).toBe('夏 (3)');
  expect(copyName('夏 (2)号')).toBe('夏 (2)号 (2)');
  expect(copyName('x'.repeat(200))).toHaveLength(200);
});

it('a test’s subject says so in the mail’s language', () => {
  expect(testSubject('夏のお知らせ')).toBe('【テスト】夏のお知らせ');
  expect(testSubject('Summer ｻﾏｰ')).toBe('【テスト】Summer ｻﾏｰ');
  expect(testSubject('Summer news')).toBe('[TEST] Summer news');
});

describe('by API', () => {
  const BASE = '/api/v1/campaigns';
  let harness: Harness;
  let headers: Record<string, string>;
  let mta: FakeMta;
  let list: number;

  beforeEach(async () => {
    harness = await startHarness({ features: [campaignRoutes] });
    headers = harness.key(
      'audience:read',
      'campaigns:read',
      'campaigns:write',
      'campaigns:send',
      'reports:read',
    );
    mta = new FakeMta(harness.dataDir);
    list = addList(harness.db, '会員');
    addAttribute(harness.db, 'company');
  });
  afterEach(async () => {
    mta.close();
    await harness.close();
  });
  const post = (path: string, body?: object) => call(harness.admin, 'POST', BASE + path, headers, body);
  const get = (path: string) => call(harness.admin, 'GET', path, headers);
  async function draft(fields: object = {}): Promise<number> {
    const { body } = await post('', {
      name: '夏',
      subject: '{{ name }}さんへ',
      from: { name: '例社', address: 'news@example.co.jp' },
      html: '<p>{{ company | default: "御社" }} <a href="https://example.co.jp/">見る</a></p>',
      listIds: [list],
      ...fields,
    });
    return body.id;
  }

  it('the report adds up what the ledger says', async () => {
    addPeople(harness.db, list, 4);
    const id = await draft();
    await post(`/${id}/start`);
    await runEnqueue(workerContext(harness), id);
    const fold = new Fold(workerContext(harness));
    const jobId = harness.deps.spool.jobByRef(`campaign:${id}:1`)!.id;
    const [a, b, c, d] = mta.queued(jobId);
    mta.settle(jobId, a!, { kind: 'delivered', provider: 'gmail' });
    mta.settle(jobId, b!, { kind: 'delivered', provider: 'docomo' });
    mta.settle(jobId, c!, { kind: 'bounced', provider: 'docomo', reason: 'mailbox-full', reply: '552 full' });
    mta.settle(jobId, d!, { kind: 'deferred', provider: 'gmail' });
    const at = Date.now();
    const event = {
      jobId,
      deliveryId: a!.id,
      subscriberId: a!.subscriberId,
      listId: list,
      at,
      ip: '',
      userAgent: '',
    };
    harness.deps.spool.recordEvents([{ ...event, kind: 'clicked', link: 0 }]);
    fold.wake();
    await vi.waitFor(async () => {
      expect((await get(`${BASE}/${id}/report`)).body.counts.clicks).toBe(1);
    });
    await fold.stop();
    expect((await get(`${BASE}/${id}/report`)).body).toMatchObject({
      campaign: { id, state: 'sending' },
      counts: {
        recipients: 4,
        queued: 0,
        sent: 4,
        delivered: 2,
        deferred: 1,
        bounced: 1,
        uniqueOpens: 1,
        opens: 0,
      },
      rates: { delivered: 0.5, bounced: 0.25, opened: 0.5, clicked: 0.5, unsubscribed: 0 },
      byProvider: [
        { provider: 'docomo', delivered: 1, bounced: 1, deferrals: 0 },
        { provider: 'gmail', delivered: 1, bounced: 0, deferrals: 1 },
      ],
      links: [{ index: 0, url: 'https://example.co.jp/', text: '見る', clicks: 1, uniqueClicks: 1 }],
      bounceReasons: [{ reason: 'mailbox-full', count: 1, sample: '552 full' }],
    });
    const { body: home } = await get('/api/v1/overview');
    expect(home).toMatchObject({
      subscribers: 4,
      lists: 1,
      last30Days: { recipients: 4, delivered: 2, bounced: 1 },
      sending: [{ id }],
      recent: [{ id }],
      todo: ['sending-domain', 'live'],
    });
  });

  it('an empty home says what to do first', async () => {
    harness.db.$client.exec('DELETE FROM lists');
    expect((await get('/api/v1/overview')).body).toMatchObject({
      sending: [],
      recent: [],
      todo: ['sending-domain', 'list', 'subscribers', 'campaign', 'live'],
    });
  });

  it('a preview shows one person’s mail, with content that is not saved yet', async () => {
    const person = addPerson(harness.db, {
      email: 'taro@example.jp',
      name: '山田<b>',
      attributes: { company: '例社' },
      lists: [list],
    });
    const id = await draft({ from: { name: '', address: '' } });
    const saved = await post(`/${id}/preview`, { subscriberId: person });
    expect(saved).toMatchObject({
      status: 200,
      body: {
        subject: '山田<b>さんへ',
        variables: ['company', 'name'],
        links: [{ index: 0, url: 'https://example.co.jp/', text: '見る' }],
      },
    });
    expect(saved.body.html).toContain('例社');
    expect(saved.body.size).toBeGreaterThan(500);
    const unsaved = await post(`/${id}/preview`, {
      html: '<p>{{ name }} {{ email }}</p>',
      subscriberId: person,
    });
    expect(unsaved.body.html).toContain('山田&lt;b&gt; taro@example.jp');
    expect((await post(`/${id}/preview`)).body.html).toContain('御社');
    expect(await post(`/${id}/preview`, { subscriberId: 99 })).toMatchObject({ status: 404 });
    expect(await post(`/${id}/preview`, { html: '{{ a' })).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/html', line: 1 }] },
    });
  });

  it('the preview’s frame has a policy of its own that lets no script run', async () => {
    const id = await draft({ html: '<script>alert(1)</script><p>{{ name }}</p>' });
    const person = addPerson(harness.db, { email: 'taro@example.jp', name: '山田', lists: [list] });
    const answer = await get(`${BASE}/${id}/preview.html?subscriberId=${person}`);
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('山田');
    expect(answer.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
    });
    const policy = String(answer.headers['content-security-policy']);
    expect(policy.split('; ')).toEqual(
      expect.arrayContaining([
        'sandbox allow-same-origin',
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "frame-ancestors 'self'",
      ]),
    );
    expect(policy).not.toContain('script');
  });

  it('a person’s values are only for keys that may read people', async () => {
    const id = await draft();
    const person = addPerson(harness.db, { email: 'taro@example.jp', name: '山田', lists: [list] });
    const key = harness.key('campaigns:read', 'campaigns:write');
    const ask = (method: 'GET' | 'POST', path: string, body?: object) =>
      call(harness.admin, method, `${BASE}/${id}/${path}`, key, body);
    for (const answer of [
      await ask('POST', 'preview', { html: '{{ email }} {{ name }}', subscriberId: person }),
      await ask('GET', `preview.html?subscriberId=${person}`),
      await ask('POST', 'test', { to: ['me@example.co.jp'], subscriberId: person }),
    ]) {
      expect(answer).toMatchObject({ status: 403, body: { code: 'forbidden' } });
      expect(answer.text).not.toMatch(/taro|山田/);
    }
    expect(mta.db.prepare('SELECT count(*) FROM job').pluck().get()).toBe(0);
    expect((await ask('POST', 'preview', {})).status).toBe(200);
  });

  it('a time that only looks like one is refused', async () => {
    addPerson(harness.db, { email: 'taro@example.jp', lists: [list] });
    const id = await draft();
    for (const at of ['2099-01-01T10:00:00+09', '2098-12-31T23:59:60Z']) {
      expect(await post(`/${id}/schedule`, { at })).toMatchObject({
        status: 400,
        body: { code: 'invalid-request', errors: [{ pointer: '/at', code: 'format', value: at }] },
      });
    }
    expect((await get(`${BASE}/${id}`)).body).toMatchObject({ state: 'draft', scheduledAt: null });
    const at = '2099-01-01T10:00:00+09:00';
    expect((await post(`/${id}/schedule`, { at })).body).toMatchObject({
      state: 'scheduled',
      scheduledAt: '2099-01-01T01:00:00.000Z',
    });
  });

  it('a test goes out as the audience would get it, but is nobody’s subscription', async () => {
    const person = addPerson(harness.db, {
      email: 'taro@example.jp',
      name: '山田',
      attributes: { company: '例社' },
      lists: [list],
    });
    const id = await draft();
    const answer = await post(`/${id}/test`, {
      to: ['me@example.co.jp', 'ME@example.co.jp '],
      subscriberId: person,
    });
    expect(answer).toMatchObject({ status: 202, body: { accepted: 1 } });
    const row = mta.db.prepare('SELECT id, ref, class, content, sealed FROM job').get() as Record<
      string,
      string
    >;
    expect(row).toMatchObject({ class: 'test', sealed: 1 });
    expect(row.ref).toMatch(new RegExp(`^test:${id}:`));
    expect(JSON.parse(row.content!)).toMatchObject({
      subject: '【テスト】{{ name }}さんへ',
      list: { name: '会員' },
      track: { opens: true, clicks: true },
    });
    const [mail] = mta.queued(Number(row.id));
    expect(mail).toMatchObject({ address: 'ME@example.co.jp', subscriberId: 0, listId: 0 });
    expect(JSON.parse(mail!.merge)).toEqual({ company: '例社', name: '山田' });
    expect(harness.sent.mta).toContainEqual({ type: 'wake', jobId: Number(row.id) });
    expect((await get(`${BASE}/${id}`)).body.state).toBe('draft');
  });

  it('a test names bad and suppressed addresses, and what is missing', async () => {
    const id = await draft();
    harness.db.$client.exec(
      `INSERT INTO suppressions (email_key, email, reason, scope, origin) VALUES ('dead@example.jp', 'dead@example.jp', 'unknown-user', 'all', 'bounce')`,
    );
    expect(
      await post(`/${id}/test`, { to: ['ok@example.jp', 'not an address', 'dead@example.jp'] }),
    ).toMatchObject({
      status: 422,
      body: {
        code: 'address-invalid',
        errors: [
          { pointer: '/to/1', value: 'not an address' },
          { pointer: '/to/2', code: 'suppressed' },
        ],
      },
    });
    const noSender = await draft({ from: { name: '', address: '' } });
    expect(await post(`/${noSender}/test`, { to: ['ok@example.jp'] })).toMatchObject({
      status: 409,
      body: { code: 'preflight-failed', errors: [{ code: 'from-missing' }] },
    });
    const broken = await draft({ html: '{{ x' });
    expect(await post(`/${broken}/test`, { to: ['ok@example.jp'] })).toMatchObject({
      status: 422,
      body: { code: 'content-invalid' },
    });
    expect(mta.db.prepare('SELECT count(*) FROM job').pluck().get()).toBe(0);
  });

  it('goes to nobody who was erased after refusing mail', async () => {
    const { db } = harness;
    db.insert(suppressions)
      .values({
        emailKey: hashedKey(db, 'gone@example.jp'),
        email: '',
        reason: 'complaint',
        scope: 'all',
        origin: 'complaint',
      })
      .run();
    const id = await draft();
    expect(await post(`/${id}/test`, { to: ['gone@example.jp'] })).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/to/0', code: 'suppressed', value: 'gone@example.jp' }] },
    });
  });
});
