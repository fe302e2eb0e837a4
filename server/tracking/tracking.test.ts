import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LedgerRow } from '../../mta/index.ts';
import { tokensFor } from '../../mta/message/token.ts';
import { runEnqueue } from '../campaigns/enqueue.ts';
import { startCampaign } from '../campaigns/start.ts';
import { createCampaign } from '../campaigns/store.ts';
import { sendTest } from '../campaigns/test-send.ts';
import { memberships, suppressions } from '../db/schema.ts';
import { addList, addPerson, FakeMta, workerContext } from '../test/campaign-fixtures.ts';
import { call, type Harness, startHarness } from '../testing/harness.ts';
import { trackingRoutes } from './routes.ts';

let harness: Harness;
let mta: FakeMta;
let list: number;
let other: number;
let person: number;
let jobId: number;
let deliveryId: number;

beforeEach(async () => {
  harness = await startHarness({ publicFeatures: [trackingRoutes] });
  mta = new FakeMta(harness.dataDir);
  const { db, deps } = harness;
  list = addList(db, '春の<お知らせ>');
  other = addList(db, '別のリスト');
  person = addPerson(db, { email: 'taro@example.jp', lists: [list, other] });
  const { id } = createCampaign(
    db,
    {
      name: '春',
      subject: '春',
      fromAddress: 'news@example.jp',
      html: '<a href="https://例え.jp/道?a=1&amp;b=2">A</a> <a href="https://example.jp/p/{{ name }}">B</a>',
      listIds: [list],
    },
    '',
  );
  jobId = (await startCampaign(deps, id, { overrides: [], now: Date.now() })).jobId!;
  await runEnqueue(workerContext(harness), id);
  deliveryId = mta.queued(jobId)[0]!.id;
});
afterEach(async () => {
  mta.close();
  await harness.close();
});

const tokens = (ids: object = {}) =>
  tokensFor(harness.deps.spool.settings()!.tokenKey, {
    jobId,
    deliveryId,
    subscriberId: person,
    listId: list,
    ...ids,
  });
const ledger = (): LedgerRow[] => harness.deps.spool.readLedger(0, 1000);
const request = (method: 'GET' | 'HEAD' | 'POST', url: string, headers = {}, payload?: string) =>
  call(harness.public, method, url, headers, payload);
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const ONE_CLICK = 'List-Unsubscribe=One-Click';
const membership = (listId = list) =>
  harness.db
    .select()
    .from(memberships)
    .all()
    .find((row) => row.listId === listId)!;
/** Flips one character of a token. */
const tampered = (token: string): string =>
  token[5] === 'A' ? `${token.slice(0, 5)}B${token.slice(6)}` : `${token.slice(0, 5)}A${token.slice(6)}`;

describe('opens', () => {
  it('answer a picture and record who opened it', async () => {
    const answer = await request('GET', `/o/${tokens().open}.gif`, { 'user-agent': 'Reader/1' });
    expect(answer).toMatchObject({ status: 200 });
    expect(answer.headers).toMatchObject({
      'content-type': 'image/gif',
      'cache-control': 'no-store',
      'x-robots-tag': 'noindex, nofollow',
    });
    expect(answer.text.slice(0, 6)).toBe('GIF89a');
    expect(ledger()).toMatchObject([
      {
        kind: 'opened',
        jobId,
        deliveryId,
        subscriberId: person,
        listId: list,
        link: -1,
        ip: '127.0.0.1',
        userAgent: 'Reader/1',
      },
    ]);
  });

  it('answer the same picture to any token and record nothing of it', async () => {
    const good = await request('GET', `/o/${tokens().open}.gif`);
    for (const file of [
      `${tampered(tokens().open)}.gif`,
      `${tokens().unsubscribe}.gif`,
      `${tokens().click(0)}.gif`,
      'x.gif',
      `${'a'.repeat(900)}.gif`,
    ]) {
      const answer = await request('GET', `/o/${file}`);
      expect(answer).toMatchObject({ status: 200, text: good.text });
      expect(answer.headers['content-type']).toBe('image/gif');
    }
    expect(ledger()).toHaveLength(1);
  });

  it('are not counted for a HEAD or a prefetch', async () => {
    expect(await request('HEAD', `/o/${tokens().open}.gif`)).toMatchObject({ status: 200 });
    await request('GET', `/o/${tokens().open}.gif`, { 'sec-purpose': 'prefetch;prerender' });
    expect(ledger()).toEqual([]);
  });
});

describe('clicks', () => {
  it('lead to the campaign’s own link and are recorded', async () => {
    const answer = await request('GET', `/c/${tokens().click(0)}`);
    expect(answer.status).toBe(302);
    expect(answer.headers.location).toBe('https://xn--r8jz45g.jp/%E9%81%93?a=1&b=2');
    expect(ledger()).toMatchObject([{ kind: 'clicked', link: 0, subscriberId: person }]);
    expect((await request('GET', `/c/${tokens().click(0)}`)).headers.location).toBe(answer.headers.location);
    expect(ledger()).toHaveLength(2);
  });

  it('lead to a personalised link only as it was signed, however long it is', async () => {
    const url = `https://example.jp/p/${'x'.repeat(1500)}`;
    const path = `/c/${tokens().clickUrl(1, url)}`;
    expect((await request('GET', path)).headers.location).toBe(url);
    const [, , token, encoded] = path.split('/') as [string, string, string, string];
    const evil = Buffer.from('https://evil.example/').toString('base64url');
    for (const bad of [
      `/c/${token}/${evil}`,
      `/c/${tampered(token)}/${encoded}`,
      `/c/${tokens().click(1)}/${evil}`,
      `/c/${token}/${encoded}/x`,
    ]) {
      expect(await request('GET', bad)).toMatchObject({ status: 404 });
    }
    expect(ledger()).toHaveLength(1);
  });

  it('answer a friendly page to a bad token, in the reader’s language', async () => {
    const { click, open } = tokens();
    for (const bad of [
      tampered(click(0)),
      click(0).replace('.0', '.7'),
      open,
      `${open}.0`,
      'x',
      tokens({ jobId: 99 }).click(0),
      'x'.repeat(5000),
      `${'x'.repeat(5000)}/x`,
      '%zz',
      '',
    ]) {
      const answer = await request('GET', `/c/${bad}`, { 'accept-language': 'ja' });
      expect(answer.status).toBe(404);
      expect(answer.text).toContain('このリンクは使えません');
      expect(answer.headers['content-security-policy']).toMatch(/default-src 'none'; style-src 'sha256-/);
    }
    expect((await request('GET', '/c/x', { 'accept-language': 'en-GB' })).text).toContain(
      'This link does not work',
    );
    expect(ledger()).toEqual([]);
  });

  it('are not counted for a HEAD, which still shows the way', async () => {
    const answer = await request('HEAD', `/c/${tokens().click(0)}`);
    expect(answer).toMatchObject({ status: 302, headers: { location: expect.stringContaining('https://') } });
    expect(ledger()).toEqual([]);
  });

  it('in a test mail lead to the campaign’s present links', async () => {
    const row = createCampaign(
      harness.db,
      {
        name: 'T',
        subject: 'T',
        fromAddress: 'news@example.jp',
        html: '<a href="https://example.jp/draft">x</a>',
      },
      '',
    );
    sendTest(harness.deps, row, { to: ['me@example.jp'] });
    const test = harness.deps.spool.job(jobId + 1)!;
    expect(test.ref).toMatch(/^test:/);
    const token = tokens({ jobId: test.id, subscriberId: 0, listId: 0 }).click(0);
    expect((await request('GET', `/c/${token}`)).headers.location).toBe('https://example.jp/draft');
  });
});

describe('unsubscribing', () => {
  const page = () => `/u/${tokens().unsubscribe}`;

  it('asks first: GET and HEAD change nothing, as mail scanners follow links', async () => {
    const answer = await request('GET', page(), { 'accept-language': 'ja' });
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('春の&lt;お知らせ&gt;');
    expect(answer.text).toContain('t***@example.jp');
    expect(answer.text).not.toContain('taro');
    expect(answer.text).not.toContain('<script');
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
    expect(answer.headers['content-security-policy']).toContain("form-action 'self'");
    await request('HEAD', page());
    expect(membership().state).toBe('subscribed');
    expect(ledger()).toEqual([]);
    expect((await request('GET', page(), { 'accept-language': 'en' })).text).toContain(
      'Unsubscribe from this list',
    );
  });

  const boundary = '----x';
  const bodies: [string, Record<string, string>, string][] = [
    ['urlencoded', FORM, ONE_CLICK],
    [
      'multipart',
      { 'content-type': `multipart/form-data; boundary=${boundary}` },
      `--${boundary}\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--${boundary}--\r\n`,
    ],
    ['an unknown type', { 'content-type': 'application/json' }, '{"List-Unsubscribe":"One-Click"}'],
    ['an empty body', {}, ''],
  ];
  for (const [name, headers, body] of bodies) {
    it(`takes the one-click POST of a mail program at once: ${name}`, async () => {
      const answer = await request('POST', page(), headers, body);
      expect(answer).toMatchObject({ status: 200, text: 'Unsubscribed\n' });
      expect(membership()).toMatchObject({ state: 'unsubscribed', unsubscribedBy: 'campaign:1' });
      expect(membership(other).state).toBe('subscribed');
      expect(ledger()).toMatchObject([{ kind: 'unsubscribed', subscriberId: person, listId: list, jobId }]);
      expect(harness.sent.mta).toContainEqual({ type: 'stops' });
    });
  }

  it('stops what is already queued', async () => {
    await request('POST', page(), FORM, ONE_CLICK);
    const stops = mta.db.prepare('SELECT list_id AS listId, active FROM stop').all();
    expect(stops).toEqual([{ listId: list, active: 1 }]);
  });

  it('from one list by the page’s form, and takes it back', async () => {
    const answer = await request('POST', page(), FORM, 'action=list');
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('配信を停止しました');
    expect(membership().state).toBe('unsubscribed');
    expect((await request('GET', page())).text).toContain('すでに停止されています');
    const at = /name="at" value="(\d+)"/.exec(answer.text)![1]!;
    const undone = await request('POST', page(), FORM, `action=undo&at=${at}`);
    expect(undone.text).toContain('配信を再開しました');
    expect(membership()).toMatchObject({ state: 'subscribed', createdAt: 1000, source: 'test' });
    expect(mta.db.prepare('SELECT active FROM stop').pluck().all()).toEqual([0]);
    expect((await request('POST', page(), FORM, `action=undo&at=${at}`)).text).toContain(
      '取り消せませんでした',
    );
  });

  it('from everything by the page’s form, and takes back exactly that', async () => {
    const { db } = harness;
    const earlier = addList(db, '前に退会');
    db.insert(memberships)
      .values({
        listId: earlier,
        subscriberId: person,
        state: 'unsubscribed',
        source: 'x',
        unsubscribedAt: 5,
      })
      .run();
    const answer = await request('POST', page(), FORM, 'action=all');
    expect(answer.text).toContain('今後、お知らせのメールはお送りしません');
    for (const id of [list, other, earlier]) expect(membership(id).state).toBe('unsubscribed');
    expect(ledger()).toMatchObject([{ kind: 'unsubscribed', listId: 0 }]);
    const at = /name="at" value="(\d+)"/.exec(answer.text)![1]!;
    for (const bad of ['5', '0', '', 'x', String(Number(at) - 1)]) {
      await request('POST', page(), FORM, `action=undo&at=${bad}`);
      expect(membership().state).toBe('unsubscribed');
    }
    await request('POST', page(), FORM, `action=undo&at=${at}`);
    expect([list, other, earlier].map((id) => membership(id).state)).toEqual([
      'subscribed',
      'subscribed',
      'unsubscribed',
    ]);
    expect(db.select().from(suppressions).all()).toEqual([]);
    expect(mta.db.prepare('SELECT list_id FROM stop WHERE active = 1').pluck().all()).toEqual([earlier]);
  });

  it('does nothing with a bad token, whatever is posted', async () => {
    const { open, click, unsubscribe } = tokens();
    for (const bad of [tampered(unsubscribe), open, click(0), 'x', 'x'.repeat(5000), '%zz', '%ff']) {
      expect(await request('GET', `/u/${bad}`)).toMatchObject({ status: 404 });
      expect(await request('POST', `/u/${bad}`, FORM, ONE_CLICK)).toMatchObject({ status: 404 });
    }
    expect(membership().state).toBe('subscribed');
    expect(ledger()).toEqual([]);
  });

  it('from a test mail or after an erasure is answered and changes nothing', async () => {
    const test = `/u/${tokens({ subscriberId: 0, listId: 0 }).unsubscribe}`;
    expect((await request('GET', test)).text).toContain('テスト配信');
    expect(await request('POST', test, FORM, ONE_CLICK)).toMatchObject({ status: 200 });
    const erased = `/u/${tokens({ subscriberId: 4711 }).unsubscribe}`;
    expect((await request('GET', erased)).status).toBe(200);
    expect(await request('POST', erased, FORM, ONE_CLICK)).toMatchObject({ status: 200 });
    expect(ledger()).toEqual([]);
  });

  it('refuses a body that is no small form', async () => {
    expect(await request('POST', page(), FORM, 'x'.repeat(9000))).toMatchObject({ status: 413 });
    expect(membership().state).toBe('subscribed');
  });
});

it('what is nowhere is a page for people, a problem for programs and a picture in a mail', async () => {
  const page = await request('GET', '/', { accept: 'text/html,*/*;q=0.8', 'accept-language': 'ja' });
  expect(page.status).toBe(404);
  expect(page.text).toContain('このリンクは使えません');
  expect(page.headers['content-security-policy']).toMatch(/style-src 'sha256-/);
  expect(await request('GET', '/api/v1/lists')).toMatchObject({ status: 404, body: { code: 'not-found' } });
  for (const path of [`/o/${'x'.repeat(5000)}.gif`, '/o/%zz.gif']) {
    expect(await request('GET', path)).toMatchObject({
      status: 200,
      headers: { 'content-type': 'image/gif', 'cache-control': 'no-store' },
    });
  }
});

it('a reader of the internet is held back after many requests, but never from unsubscribing', async () => {
  await harness.close();
  harness = await startHarness({ publicFeatures: [trackingRoutes], env: { TODOKE_TRUST_PROXY: 'loopback' } });
  const flood = { 'x-forwarded-for': '93.184.215.14' };
  const statuses = new Set<number>();
  for (let i = 0; i < 6001; i += 1) statuses.add((await request('GET', '/o/x.gif', flood)).status);
  expect([...statuses]).toEqual([200, 429]);
  expect((await request('POST', '/u/x', flood)).status).toBe(404);
  expect((await request('GET', '/o/x.gif', { 'x-forwarded-for': '93.184.215.15' })).status).toBe(200);
  expect((await request('GET', '/o/x.gif')).status).toBe(200);
});
