import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { auditLog, campaignLinks, campaigns, sendingDomains, suppressions } from '../db/schema.ts';
import { checkDomain, createDomain } from '../delivery/sending-domains.ts';
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
import { reconcile } from './lifecycle.ts';
import { campaignRoutes } from './routes.ts';
import { startDueCampaigns } from './schedule.ts';

const BASE = '/api/v1/campaigns';
let harness: Harness;
let headers: Record<string, string>;
let mta: FakeMta;

beforeEach(async () => {
  harness = await startHarness({ features: [campaignRoutes] });
  headers = harness.key('campaigns:read', 'campaigns:write', 'campaigns:send', 'reports:read');
  mta = new FakeMta(harness.dataDir);
});
afterEach(async () => {
  mta.close();
  await harness.close();
});

const post = (path: string, body?: object) => call(harness.admin, 'POST', BASE + path, headers, body);
const get = (path: string) => call(harness.admin, 'GET', BASE + path, headers);
const patch = (id: number, body: object) => call(harness.admin, 'PATCH', `${BASE}/${id}`, headers, body);

async function draft(fields: object = {}): Promise<number> {
  const { status, body } = await post('', {
    name: '夏のお知らせ',
    subject: 'こんにちは {{ name }}さん',
    from: { name: '株式会社例', address: 'news@example.co.jp' },
    html: '<p>{{ name }}さん <a href="https://example.co.jp/a">A</a> <a href="https://example.co.jp/b">B</a></p>',
    ...fields,
  });
  expect(status).toBe(201);
  return body.id;
}

async function started(fields: object): Promise<{ id: number; jobId: number }> {
  const id = await draft(fields);
  expect(await post(`/${id}/start`)).toMatchObject({ status: 200, body: { state: 'sending' } });
  const row = harness.db
    .select()
    .from(campaigns)
    .all()
    .find((campaign) => campaign.id === id)!;
  return { id, jobId: row.jobId! };
}

describe('drafts', () => {
  it('are created, listed by pages, searched, changed by revision, duplicated and deleted', async () => {
    const first = await draft({ name: '100%の一通' });
    const second = await draft();
    const page = await get('?limit=1');
    expect(page.body).toMatchObject({ items: [{ id: second }], nextCursor: String(second) });
    expect(page.body.items[0]).not.toHaveProperty('html');
    expect((await get(`?limit=1&cursor=${second}`)).body.items).toMatchObject([{ id: first }]);
    expect((await get(`?q=${encodeURIComponent('100%')}`)).body.items).toMatchObject([{ id: first }]);
    expect((await get('?q=_')).body.items).toEqual([]);
    expect((await get('?state=sending')).body.items).toEqual([]);

    const read = await get(`/${first}`);
    expect(read.body).toMatchObject({
      revision: 1,
      trackOpens: true,
      counts: { recipients: 0 },
      enqueueProgress: 0,
    });
    expect(await patch(first, { subject: '変更', revision: 1 })).toMatchObject({
      status: 200,
      body: { revision: 2 },
    });
    expect(await patch(first, { subject: '古い', revision: 1 })).toMatchObject({
      status: 409,
      body: { code: 'revision-conflict', errors: [{ pointer: '/revision', value: 2 }] },
    });
    expect((await get(`/${first}`)).body).toMatchObject({ subject: '変更', name: '100%の一通' });

    const copy = await post(`/${first}/duplicate`);
    expect(copy).toMatchObject({
      status: 201,
      body: { name: '100%の一通 (2)', subject: '変更', state: 'draft' },
    });
    expect(await call(harness.admin, 'DELETE', `${BASE}/${first}`, headers)).toMatchObject({ status: 204 });
    expect(await get(`/${first}`)).toMatchObject({ status: 404, body: { code: 'not-found' } });
  });

  it('do not take lists that do not exist', async () => {
    expect(await post('', { name: 'x', listIds: [77] })).toMatchObject({
      status: 422,
      body: { code: 'value-invalid', errors: [{ pointer: '/listIds/0', code: 'list-unknown' }] },
    });
  });
});

describe('the check before sending', () => {
  it('answers errors of Liquid with line and column of each field', async () => {
    const list = addList(harness.db, '会員');
    addPeople(harness.db, list, 1);
    const id = await draft({
      listIds: [list],
      html: '<p>\n  {{ name | nofilter }}</p>',
      text: 'a\n\n{% if %}',
    });
    const answer = await post(`/${id}/start`);
    expect(answer).toMatchObject({ status: 422, body: { code: 'content-invalid' } });
    expect(answer.body.errors).toMatchObject([
      { pointer: '/html', code: 'filter-unknown', value: 'nofilter', line: 2, column: 13 },
      { pointer: '/text', code: 'value-missing', value: '{% if %}', line: 3, column: 6 },
    ]);
    expect(await post(`/${id}/preview`)).toMatchObject({ status: 422, body: { code: 'content-invalid' } });
  });

  it('answers every unresolved finding at once', async () => {
    const id = await draft({ subject: '', html: '', from: { name: '', address: '' } });
    const answer = await post(`/${id}/start`, { overrides: [{ code: 'subject-missing', reason: 'wanted' }] });
    expect(answer).toMatchObject({ status: 409, body: { code: 'preflight-failed' } });
    expect(answer.body.errors.map((error: { code: string }) => error.code).sort()).toEqual([
      'content-missing',
      'from-missing',
      'list-missing',
      'subject-missing',
    ]);
    expect(harness.db.select().from(campaigns).get()!.state).toBe('draft');
  });

  it('names nobody to send to, and variables that nobody has', async () => {
    const list = addList(harness.db, '会員');
    addAttribute(harness.db, 'company');
    const id = await draft({ listIds: [list], text: '{{ company }} {{ compny }} {{ email }}' });
    const { body } = await get(`/${id}/preflight`);
    expect(body.findings).toMatchObject([
      { code: 'audience-empty', level: 'error', overridable: false },
      { code: 'sending-domain-missing', level: 'warning' },
      { code: 'variable-unknown', level: 'warning', value: 'compny', pointer: '/text' },
    ]);
  });

  it('names addresses that cannot stand in a header', async () => {
    const list = addList(harness.db, '会員');
    addPeople(harness.db, list, 1);
    const id = await draft({
      listIds: [list],
      from: { name: 'x', address: 'news@' },
      replyTo: '返信@example.jp',
    });
    expect((await get(`/${id}/preflight`)).body.findings).toEqual([
      expect.objectContaining({ code: 'address-bad-domain', pointer: '/from/address', value: 'news@' }),
      expect.objectContaining({ code: 'address-not-ascii', pointer: '/replyTo', value: '返信@example.jp' }),
    ]);
    expect(await post(`/${id}/start`)).toMatchObject({ status: 409, body: { code: 'preflight-failed' } });
  });

  it('wants a sending domain in live mode, unless somebody answers for it; the audit log keeps why', async () => {
    const list = addList(harness.db, '会員');
    addPeople(harness.db, list, 1);
    const id = await draft({ listIds: [list] });
    harness.deps.spool.publishSettings({
      ...harness.deps.spool.settings()!,
      mode: 'live',
      publicUrl: 'https://mail.example.co.jp',
    });
    expect(await post(`/${id}/start`)).toMatchObject({
      status: 409,
      body: { errors: [{ code: 'sending-domain-missing', value: 'example.co.jp' }] },
    });
    const overrides = [{ code: 'sending-domain-missing', reason: '中継サーバーが署名する' }];
    expect(await post(`/${id}/start`, { overrides })).toMatchObject({ status: 200 });
    const entry = harness.db.select().from(auditLog).all().at(-1)!;
    expect(entry).toMatchObject({
      action: 'campaign.start',
      target: `campaign:${id}`,
      detail: { overrides },
    });
  });

  it('passes in live mode with a sending domain', async () => {
    const list = addList(harness.db, '会員');
    addPeople(harness.db, list, 1);
    harness.db
      .insert(sendingDomains)
      .values({
        domain: 'example.co.jp',
        returnPathDomain: 'bounce.example.co.jp',
      })
      .run();
    harness.deps.spool.publishSettings({
      ...harness.deps.spool.settings()!,
      mode: 'live',
      publicUrl: 'http://localhost:8081',
    });
    const id = await draft({ listIds: [list] });
    expect((await get(`/${id}/preflight`)).body.findings).toMatchObject([
      { code: 'sending-domain-unchecked', level: 'warning', value: 'example.co.jp' },
      { code: 'public-url-local', level: 'warning' },
    ]);
  });

  it('stops for records that are known to be wrong, in live mode and unless somebody answers for it', async () => {
    const list = addList(harness.db, '会員');
    addPeople(harness.db, list, 1);
    const created = await createDomain(harness.deps, { domain: 'example.co.jp' });
    // A DNS that has nothing.
    await checkDomain(harness.deps, created.id, async () => ({ ok: true, values: [] }));
    const id = await draft({ listIds: [list] });
    const finding = async () =>
      (await get(`/${id}/preflight`)).body.findings.find(
        ({ code }: { code: string }) => code === 'sending-domain-records',
      );
    expect(await finding()).toMatchObject({ level: 'warning', overridable: false });
    harness.deps.spool.publishSettings({
      ...harness.deps.spool.settings()!,
      mode: 'live',
      publicUrl: 'https://mail.example.co.jp',
    });
    const dkim = `${created.dkimSelector}._domainkey.example.co.jp`;
    const value = `${dkim}, bounce.example.co.jp`;
    expect(await finding()).toMatchObject({ level: 'error', overridable: true, value });
    expect(await post(`/${id}/start`)).toMatchObject({
      status: 409,
      body: { code: 'preflight-failed', errors: [{ code: 'sending-domain-records', value }] },
    });
    const overrides = [{ code: 'sending-domain-records', reason: '社外の DNS にはある' }];
    expect(await post(`/${id}/start`, { overrides })).toMatchObject({ status: 200 });
  });
});

describe('the audience', () => {
  it('is counted exactly, with the reasons why others are left out', async () => {
    const [a, b] = [addList(harness.db, 'A'), addList(harness.db, 'B')];
    const { db } = harness;
    addPerson(db, { email: 'both@example.jp', lists: [a, b] });
    addPerson(db, { email: 'only-b@example.jp', lists: [b] });
    addPerson(db, { email: 'left@example.jp', lists: [a], state: 'unsubscribed' });
    addPerson(db, { email: 'dead@example.jp', lists: [a, b] });
    addPerson(db, { email: 'elsewhere@example.jp', lists: [] });
    for (const scope of ['all', 'marketing'] as const) {
      db.insert(suppressions)
        .values({
          emailKey: 'dead@example.jp',
          email: 'dead@example.jp',
          reason: 'x',
          scope,
          origin: 'manual',
        })
        .run();
    }
    const id = await draft({ listIds: [a, b] });
    const counted = await get(`/${id}/audience`);
    expect(counted.body).toEqual({
      recipients: 2,
      excluded: [
        { reason: 'unsubscribed', count: 1 },
        { reason: 'suppressed', count: 1 },
        { reason: 'duplicate', count: 2 },
      ],
    });
    await patch(id, { listIds: [a] });
    expect((await get(`/${id}/audience`)).body).toEqual({
      recipients: 1,
      excluded: [
        { reason: 'unsubscribed', count: 1 },
        { reason: 'suppressed', count: 1 },
      ],
    });
  });

  it('is frozen at start: one row a person, by the first list, without who came or left later', async () => {
    const { db } = harness;
    const [a, b] = [addList(db, 'A'), addList(db, 'B')];
    addAttribute(db, 'company');
    const both = addPerson(db, {
      email: 'both@example.jp',
      name: '山田',
      attributes: { company: '例社', age: 3 },
      lists: [b, a],
    });
    const onlyB = addPerson(db, { email: 'only-b@example.jp', lists: [b] });
    const leaving = addPerson(db, { email: 'leaving@example.jp', lists: [a] });
    const { id, jobId } = await started({ listIds: [a, b], text: '{{ company }}' });
    expect(harness.sent.jobs).toEqual([{ kind: 'enqueue', id }]);
    expect(harness.sent.events.at(-1)).toMatchObject({ type: 'campaign', data: { id, state: 'sending' } });
    expect(harness.db.select().from(campaignLinks).all()).toMatchObject([
      { index: 0, url: 'https://example.co.jp/a' },
      { index: 1, url: 'https://example.co.jp/b' },
    ]);

    addPerson(db, { email: 'late@example.jp', lists: [a] });
    db.$client.prepare(`UPDATE memberships SET state = 'unsubscribed' WHERE subscriber_id = ?`).run(leaving);
    await runEnqueue(workerContext(harness), id);
    const rows = mta
      .queued(jobId)
      .map(({ subscriberId, listId, address, merge }) => [subscriberId, listId, address, JSON.parse(merge)]);
    expect(rows).toEqual([
      [both, a, 'both@example.jp', { company: '例社', name: '山田' }],
      [onlyB, b, 'only-b@example.jp', { name: '' }],
    ]);
    expect(harness.deps.spool.job(jobId)).toMatchObject({ sealed: true, enqueued: 2 });
    expect((await get(`/${id}`)).body).toMatchObject({
      enqueueProgress: 1,
      counts: { recipients: 2, queued: 2 },
    });
  });

  it('does not take who joined the list after the start, though the person was known before', async () => {
    const { db } = harness;
    const list = addList(db, 'A');
    addPerson(db, { email: 'early@example.jp', lists: [list] });
    const late = addPerson(db, { email: 'late@example.jp', lists: [] });
    const { id, jobId } = await started({ listIds: [list] });
    const { startedAt } = db.select().from(campaigns).get()!;
    db.$client
      .prepare(
        `INSERT INTO memberships (list_id, subscriber_id, state, source, created_at) VALUES (?, ?, 'subscribed', 'ui', ?)`,
      )
      .run(list, late, startedAt! + 1);
    await runEnqueue(workerContext(harness), id);
    expect(mta.queued(jobId).map(({ address }) => address)).toEqual(['early@example.jp']);
  });

  it('comes whole and without repeats when the enqueueing is interrupted again and again', async () => {
    const [a, b] = [addList(harness.db, 'A'), addList(harness.db, 'B')];
    const ids = addPeople(harness.db, a, 9000);
    for (const id of ids.filter((_, i) => i % 3 === 0)) {
      harness.db.$client
        .prepare(
          `INSERT INTO memberships (list_id, subscriber_id, state, source, created_at) VALUES (?, ?, 'subscribed', 'ui', 1)`,
        )
        .run(b, id);
    }
    const { id, jobId } = await started({ listIds: [b, a] });
    let runs = 0;
    while (!harness.deps.spool.job(jobId)!.sealed) {
      runs += 1;
      const abort = new AbortController();
      const context = workerContext(harness, abort.signal);
      await runEnqueue({ ...context, breathe: async () => abort.abort('stop') }, id);
    }
    expect(runs).toBeGreaterThan(3);
    const queued = mta.queued(jobId);
    expect(queued.map(({ subscriberId }) => subscriberId)).toEqual(ids);
    expect(queued.filter(({ listId }) => listId === b)).toHaveLength(3000);
    // The first chunk is small, so that mail leaves at once.
    expect(harness.sent.mta.filter(({ type }) => type === 'wake').length).toBeGreaterThan(4);
    await runEnqueue(workerContext(harness), id);
    expect(harness.deps.spool.job(jobId)!.enqueued).toBe(9000);
  });
});

describe('a start', () => {
  it('that crashed before its second write finds its job, and a changed draft gets a new one', async () => {
    const list = addList(harness.db, 'A');
    addPeople(harness.db, list, 1);
    const id = await draft({ listIds: [list] });
    const content = {
      from: { name: '', address: 'a@example.jp' },
      subject: 'alt',
      text: 'x',
      track: { opens: false, clicks: false },
    };
    const orphan = harness.deps.spool.createJob({ ref: `campaign:${id}:1`, class: 'bulk', content });
    expect(await post(`/${id}/start`)).toMatchObject({ status: 200 });
    expect(harness.db.select().from(campaigns).get()!.jobId).toBe(orphan);

    const other = await draft({ listIds: [list] });
    const old = harness.deps.spool.createJob({ ref: `campaign:${other}:1`, class: 'bulk', content });
    await patch(other, { subject: '新しい' });
    expect(await post(`/${other}/start`)).toMatchObject({ status: 200 });
    expect((await get(`/${other}`)).body.subject).toBe('新しい');
    expect(harness.db.select().from(campaigns).all().at(-1)!.jobId).not.toBe(old);
  });

  it('cannot be made twice, nor can what is sent be changed or deleted', async () => {
    const list = addList(harness.db, 'A');
    addPeople(harness.db, list, 1);
    const { id } = await started({ listIds: [list] });
    for (const answer of [
      await post(`/${id}/start`),
      await patch(id, { subject: 'x' }),
      await call(harness.admin, 'DELETE', `${BASE}/${id}`, headers),
    ]) {
      expect(answer).toMatchObject({ status: 409, body: { code: 'wrong-state' } });
    }
  });
});

describe('pause, resume and cancel', () => {
  it('reach the spool and the MTA', async () => {
    const list = addList(harness.db, 'A');
    addPeople(harness.db, list, 3);
    const { id, jobId } = await started({ listIds: [list] });
    await runEnqueue(workerContext(harness), id);
    const { spool } = harness.deps;
    expect(await post(`/${id}/pause`)).toMatchObject({ status: 200, body: { state: 'paused' } });
    expect(spool.job(jobId)!.state).toBe('paused');
    expect(await post(`/${id}/pause`)).toMatchObject({ status: 409, body: { code: 'wrong-state' } });
    expect(await post(`/${id}/resume`)).toMatchObject({ status: 200, body: { state: 'sending' } });
    expect(spool.job(jobId)!.state).toBe('active');
    const cancelled = await post(`/${id}/cancel`);
    expect(cancelled).toMatchObject({ status: 200, body: { state: 'cancelled', finishedAt: null } });
    expect(spool.job(jobId)).toMatchObject({ state: 'cancelled', sealed: true });
    expect(harness.sent.mta.filter(({ type }) => type === 'job')).toHaveLength(3);
    expect(harness.sent.cancelled).toEqual([{ kind: 'enqueue', id }]);
  });

  it('a cancel in the middle of the enqueueing lets nobody more in', async () => {
    const list = addList(harness.db, 'A');
    addPeople(harness.db, list, 5000);
    const { id, jobId } = await started({ listIds: [list] });
    const context = workerContext(harness);
    let chunks = 0;
    const breathe = async (): Promise<void> => {
      chunks += 1;
      if (chunks === 2) await post(`/${id}/cancel`);
    };
    await runEnqueue({ ...context, breathe }, id);
    expect(harness.deps.spool.job(jobId)).toMatchObject({ state: 'cancelled', sealed: true, enqueued: 2100 });
  });

  it('are made up for after a crash between the two databases', async () => {
    const list = addList(harness.db, 'A');
    addPeople(harness.db, list, 1);
    const paused = await started({ listIds: [list] });
    const cancelled = await started({ listIds: [list] });
    harness.db.$client.prepare(`UPDATE campaigns SET state = 'paused' WHERE id = ?`).run(paused.id);
    harness.db.$client.prepare(`UPDATE campaigns SET state = 'cancelled' WHERE id = ?`).run(cancelled.id);
    harness.sent.jobs.length = 0;
    reconcile(harness.deps);
    expect(harness.deps.spool.job(paused.jobId)!.state).toBe('paused');
    expect(harness.deps.spool.job(cancelled.jobId)).toMatchObject({ state: 'cancelled', sealed: true });
    expect(harness.sent.jobs).toEqual([{ kind: 'enqueue', id: paused.id }]);
  });
});

describe('a schedule', () => {
  const soon = () => new Date(Date.now() + 60_000).toISOString();

  it('starts when its time has come, with what was answered for', async () => {
    const list = addList(harness.db, 'A');
    addPeople(harness.db, list, 1);
    harness.deps.spool.publishSettings({
      ...harness.deps.spool.settings()!,
      mode: 'live',
      publicUrl: 'https://mail.example.co.jp',
    });
    const id = await draft({ listIds: [list] });
    expect(await post(`/${id}/schedule`, { at: '2020-01-01T00:00:00Z' })).toMatchObject({
      status: 422,
      body: { code: 'value-invalid', errors: [{ pointer: '/at', code: 'time-past' }] },
    });
    expect(await post(`/${id}/schedule`, { at: soon() })).toMatchObject({
      status: 409,
      body: { code: 'preflight-failed' },
    });
    const overrides = [{ code: 'sending-domain-missing', reason: 'relay signs' }];
    expect(await post(`/${id}/schedule`, { at: soon(), overrides })).toMatchObject({
      status: 200,
      body: { state: 'scheduled' },
    });
    expect(await patch(id, { subject: 'x' })).toMatchObject({ status: 409, body: { code: 'wrong-state' } });

    await startDueCampaigns(harness.deps, Date.now());
    expect((await get(`/${id}`)).body.state).toBe('scheduled');
    await startDueCampaigns(harness.deps, Date.now() + 61_000);
    expect((await get(`/${id}`)).body.state).toBe('sending');
    expect(harness.db.select().from(auditLog).all().at(-1)).toMatchObject({
      actorKind: 'system',
      action: 'campaign.start',
      target: `campaign:${id}`,
    });
  });

  it('goes back to draft, and says so, when the check fails by then', async () => {
    const list = addList(harness.db, 'A');
    addPeople(harness.db, list, 1);
    const id = await draft({ listIds: [list] });
    await post(`/${id}/schedule`, { at: soon() });
    harness.db.$client.exec(`UPDATE memberships SET state = 'unsubscribed'`);
    await startDueCampaigns(harness.deps, Date.now() + 61_000);
    expect((await get(`/${id}`)).body).toMatchObject({ state: 'draft', scheduledAt: null });
    expect(harness.db.select().from(auditLog).all().at(-1)).toMatchObject({
      actorKind: 'system',
      action: 'campaign.start-failed',
      detail: { code: 'preflight-failed', errors: [{ code: 'audience-empty' }] },
    });
    expect(harness.sent.events.at(-1)).toMatchObject({ type: 'campaign', data: { id, state: 'draft' } });
  });

  it('can be taken back', async () => {
    const list = addList(harness.db, 'A');
    addPeople(harness.db, list, 1);
    const id = await draft({ listIds: [list] });
    await post(`/${id}/schedule`, { at: soon() });
    expect(await post(`/${id}/unschedule`)).toMatchObject({
      status: 200,
      body: { state: 'draft', scheduledAt: null },
    });
    expect(await patch(id, { subject: 'x' })).toMatchObject({ status: 200 });
  });
});
