/** Lists, attributes, people and memberships through the real routes and databases. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { call, type Harness, startHarness } from '../testing/harness.ts';
import { unsubscribe } from './membership.ts';
import { audienceRoutes } from './routes.ts';

let harness: Harness;
let headers: Record<string, string>;

beforeEach(async () => {
  harness = await startHarness({ features: [audienceRoutes] });
  ({ headers } = await harness.login('editor'));
});
afterEach(() => harness.close());

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
const api = (method: Method, path: string, body?: object) =>
  call(harness.admin, method, `/api/v1${path}`, headers, body);
const list = async (name = '会員'): Promise<number> => (await api('POST', '/lists', { name })).body.id;
const attribute = (key: string, type: string) =>
  api('POST', '/attributes', { key, label: `${key}の名`, type });
const person = async (email: string, more: object = {}): Promise<number> => {
  const { status, body } = await api('POST', '/subscribers', { email, ...more });
  expect([status, body.detail]).toEqual([201, undefined]);
  return body.id;
};
const problem = ({
  status,
  body,
}: {
  status: number;
  body: { code: string; errors?: { pointer: string; code: string }[] };
}) => [status, body.code, ...(body.errors ?? []).map((error) => `${error.pointer}:${error.code}`)];
/** What the MTA will be told: address hashes are its own affair, so only list and state count. */
const stops = () => {
  const spool = new Database(join(harness.dataDir, 'spool.db'), { readonly: true });
  try {
    return spool.prepare('SELECT list_id AS listId, active FROM stop ORDER BY seq').all();
  } finally {
    spool.close();
  }
};

describe('lists', () => {
  test('are made, renamed and shown newest first, page by page', async () => {
    const first = await list('一');
    await list('二');
    const third = await list('三');
    const page = (await api('GET', '/lists?limit=2')).body;
    expect(page.items.map((item: { name: string }) => item.name)).toEqual(['三', '二']);
    await list('四');
    const next = (await api('GET', `/lists?limit=2&cursor=${page.nextCursor}`)).body;
    expect(next).toMatchObject({ items: [{ id: first, name: '一' }], nextCursor: null });
    const patched = await api('PATCH', `/lists/${third}`, { name: ' 三番 ', description: '説明' });
    expect(patched.body).toMatchObject({
      id: third,
      name: '三番',
      description: '説明',
      subscribed: 0,
      unsubscribed: 0,
    });
    expect(problem(await api('POST', '/lists', { name: '  ' }))).toEqual([
      422,
      'value-invalid',
      '/name:empty',
    ]);
    expect(problem(await api('GET', '/lists/99'))).toEqual([404, 'not-found']);
    expect(problem(await api('GET', '/lists?cursor=x'))).toEqual([
      400,
      'invalid-request',
      'cursor:cursor-invalid',
    ]);
  });

  test('count members whatever happens to them', async () => {
    const id = await list();
    const counts = async () => {
      const { subscribed, unsubscribed } = (await api('GET', `/lists/${id}`)).body;
      return [subscribed, unsubscribed];
    };
    const a = await person('a@example.jp', { listIds: [id] });
    const b = await person('b@example.jp', { listIds: [id, id] });
    const c = await person('c@example.jp');
    expect(await counts()).toEqual([2, 0]);
    await api('PUT', `/lists/${id}/members/${c}`);
    await api('PUT', `/lists/${id}/members/${c}`);
    expect(await counts()).toEqual([3, 0]);
    await api('DELETE', `/lists/${id}/members/${a}`);
    await api('DELETE', `/lists/${id}/members/${b}`);
    expect(await counts()).toEqual([1, 2]);
    await api('PUT', `/lists/${id}/members/${a}`);
    expect(await counts()).toEqual([2, 1]);
    await api('DELETE', `/subscribers/${b}`);
    await api('DELETE', `/subscribers/${c}`);
    expect(await counts()).toEqual([1, 0]);
  });

  test('are deleted with their memberships, unless something needs them', async () => {
    const id = await list();
    const other = await list('別');
    const insert = harness.db.$client.prepare('INSERT INTO subscribers (email, email_key) VALUES (?, ?)');
    harness.db.$client.transaction(() => {
      for (let i = 0; i < 4500; i += 1) insert.run(`p${i}@example.jp`, `p${i}@example.jp`);
      harness.db.$client.exec(
        `INSERT INTO memberships (list_id, subscriber_id, state, source) SELECT l.id, s.id, 'subscribed', 'test' FROM subscribers s, lists l`,
      );
    })();
    harness.db.$client
      .prepare(
        `INSERT INTO campaigns (name, state, list_ids) VALUES ('秋の便り', 'draft', ?), ('済み', 'finished', ?)`,
      )
      .run(`[${id}]`, `[${id}]`);
    expect(problem(await api('DELETE', `/lists/${id}`))).toEqual([409, 'conflict', '/campaigns/1:in-use']);
    harness.db.$client.exec(`UPDATE campaigns SET state = 'cancelled'`);
    harness.db.$client
      .prepare(
        `INSERT INTO imports (list_id, file_name, state, mapping, total_bytes) VALUES (?, 'x.csv', 'running', '[]', 1)`,
      )
      .run(id);
    expect(problem(await api('DELETE', `/lists/${id}`))).toEqual([409, 'conflict', '/imports/1:in-use']);
    harness.db.$client.exec(`UPDATE imports SET state = 'done'`);
    expect((await api('DELETE', `/lists/${id}`)).status).toBe(204);
    expect(problem(await api('DELETE', `/lists/${id}`))).toEqual([404, 'not-found']);
    expect(
      harness.db.$client.prepare('SELECT list_id, count(*) AS n FROM memberships GROUP BY list_id').all(),
    ).toEqual([{ list_id: other, n: 4500 }]);
    expect(harness.db.$client.prepare('SELECT count(*) FROM subscribers').pluck().get()).toBe(4500);
  });
});

describe('attributes', () => {
  test('have a key of their own that mails do not use otherwise', async () => {
    expect((await attribute('points', 'number')).body).toMatchObject({ key: 'points', type: 'number' });
    expect(problem(await attribute('points', 'text'))).toEqual([
      409,
      'already-exists',
      '/key:already-exists',
    ]);
    for (const key of ['email', 'name', 'unsubscribe_url', 'true']) {
      expect(problem(await attribute(key, 'text'))).toEqual([422, 'value-invalid', '/key:reserved']);
    }
    expect(problem(await attribute('Größe', 'text'))).toEqual([400, 'invalid-request', '/key:pattern']);
    expect((await api('PATCH', '/attributes/1', { label: ' 点数 ' })).body).toMatchObject({
      key: 'points',
      label: '点数',
    });
    expect((await api('GET', '/attributes')).body).toMatchObject({
      items: [{ id: 1, label: '点数' }],
      nextCursor: null,
    });
  });

  test('say what uses them before they go', async () => {
    await attribute('points', 'number');
    await attribute('rank', 'text');
    const id = await person('a@example.jp', { attributes: { points: 3, rank: '金' } });
    await person('b@example.jp', { attributes: { points: 4 } });
    harness.db.$client.exec(
      `INSERT INTO campaigns (name, state, html) VALUES ('下書き', 'draft', '<p>{{ points }}</p>'), ('文だけ', 'draft', 'points'), ('済み', 'finished', '{{ points }}')`,
    );
    const refused = await api('DELETE', '/attributes/1');
    expect(problem(refused)).toEqual([409, 'conflict', '/campaigns/1:in-use', '/subscribers:in-use']);
    expect(refused.body.errors[1].value).toBe(2);
    harness.db.$client.exec(`UPDATE campaigns SET state = 'sending' WHERE id = 1`);
    expect(problem(await api('DELETE', '/attributes/1?force=true'))).toEqual([
      409,
      'conflict',
      '/campaigns/1:in-use',
    ]);
    harness.db.$client.exec(`UPDATE campaigns SET state = 'draft' WHERE id = 1`);
    expect((await api('DELETE', '/attributes/1?force=true')).status).toBe(204);
    expect((await api('GET', `/subscribers/${id}`)).body.attributes).toEqual({ rank: '金' });
    expect((await api('GET', '/attributes')).body.items).toHaveLength(1);
  });
});

describe('people', () => {
  test('are added, read and changed; attributes are converted, merged and removed', async () => {
    await attribute('points', 'number');
    await attribute('birthday', 'date');
    await attribute('member', 'boolean');
    const listId = await list();
    const id = await person(' Hanako@Example.JP ', {
      name: '　髙橋　　花子 ',
      attributes: { points: '１，２００', birthday: '1988/2/12', member: 'はい' },
      listIds: [listId],
    });
    expect((await api('GET', `/subscribers/${id}`)).body).toMatchObject({
      email: 'Hanako@Example.JP',
      name: '髙橋 花子',
      attributes: { points: 1200, birthday: '1988-02-12', member: true },
      suppressed: null,
      memberships: [{ listId, listName: '会員', state: 'subscribed', source: 'ui', unsubscribedAt: null }],
    });
    const patched = await api('PATCH', `/subscribers/${id}`, {
      attributes: { points: 5, member: null },
      name: '髙橋',
    });
    expect(patched.body).toMatchObject({ name: '髙橋', attributes: { points: 5, birthday: '1988-02-12' } });
    expect((await api('PATCH', `/subscribers/${id}`, { email: 'hanako@example.jp' })).body.email).toBe(
      'hanako@example.jp',
    );
  });

  test('an API key is remembered as the source of the consent', async () => {
    const listId = await list();
    const key = harness.key('audience:write');
    const made = await call(harness.admin, 'POST', '/api/v1/subscribers', key, {
      email: 'k@example.jp',
      listIds: [listId],
    });
    expect(made.body.memberships).toMatchObject([{ source: 'api' }]);
  });

  test('bad input gets its name, field and value', async () => {
    await attribute('points', 'number');
    await attribute('birthday', 'date');
    const id = await person('a@example.jp');
    const post = (body: object) => api('POST', '/subscribers', body);
    expect(problem(await post({ email: 'nobody' }))).toEqual([422, 'address-invalid', '/email:no-at']);
    expect(problem(await post({ email: 'A@EXAMPLE.jp' }))).toEqual([
      409,
      'already-exists',
      '/email:already-exists',
    ]);
    expect(problem(await post({ email: 'b@example.jp', listIds: [7] }))).toEqual([
      422,
      'value-invalid',
      '/listIds/0:not-found',
    ]);
    expect(problem(await post({ email: 'b@example.jp', name: 'a\0b' }))).toEqual([
      422,
      'value-invalid',
      '/name:control-character',
    ]);
    const many = await post({
      email: 'b@example.jp',
      attributes: { points: 'many', birthday: '2026-02-30', shoe: 1 },
    });
    expect(problem(many)).toEqual([
      422,
      'value-invalid',
      '/attributes/points:not-a-number',
      '/attributes/birthday:no-such-day',
      '/attributes/shoe:unknown-attribute',
    ]);
    expect(many.body.errors[0].value).toBe('many');
    expect((await api('GET', '/subscribers')).body.items).toHaveLength(1);
    const other = await person('c@example.jp');
    expect(problem(await api('PATCH', `/subscribers/${other}`, { email: 'a@example.jp' }))).toEqual([
      409,
      'already-exists',
      '/email:already-exists',
    ]);
    expect(problem(await api('PATCH', `/subscribers/${id}`, { colour: 'red' }))[0]).toBe(400);
    expect(problem(await api('GET', '/subscribers/99'))).toEqual([404, 'not-found']);
    expect(problem(await api('PUT', `/lists/9/members/${id}`))).toEqual([404, 'not-found']);
  });
});

describe('finding people', () => {
  const emails = (page: { items: { email: string }[] }) => page.items.map(({ email }) => email);
  async function all(
    query: string,
    limit: number,
    between: (page: number) => Promise<unknown> = async () => {},
  ): Promise<string[]> {
    const found: string[] = [];
    let cursor: string | null = '';
    for (let page = 0; cursor !== null; page += 1) {
      const answer: { items: { email: string }[]; nextCursor: string | null } = (
        await api('GET', `/subscribers?${query}&limit=${limit}${cursor ? `&cursor=${cursor}` : ''}`)
      ).body;
      expect(answer.items.length).toBeLessThanOrEqual(limit);
      found.push(...emails(answer));
      cursor = answer.nextCursor;
      await between(page);
    }
    return found;
  }

  beforeEach(async () => {
    const insert = harness.db.$client.prepare(
      'INSERT INTO subscribers (email, email_key, name) VALUES (?, ?, ?)',
    );
    harness.db.$client.transaction(() => {
      for (let i = 1; i <= 25_000; i += 1)
        insert.run(`P${i}@example.jp`, `p${i}@example.jp`, i % 5000 === 0 ? `山田 太郎${i}` : 'other');
    })();
  });

  test('pages are stable while people are added, and miss and repeat nobody', async () => {
    let added = 0;
    const found = await all('', 500, async (page) => {
      if (page < 3) await person(`new${added++}@example.jp`);
    });
    expect(found).toHaveLength(25_000);
    expect(new Set(found).size).toBe(25_000);
    expect(found[0]).toBe('P25000@example.jp');
  });

  test('beginnings of addresses come first, then parts of them, newest first; whatever the page size', async () => {
    await person('x24999@p2499.example.jp');
    await person('y@ap2499.example.jp');
    const expected = [
      ...Array.from({ length: 10 }, (_, i) => `P2499${i}@example.jp`),
      'P2499@example.jp',
      'y@ap2499.example.jp',
      'x24999@p2499.example.jp',
    ];
    expect(await all('q=P2499', 50)).toEqual(expected);
    for (const limit of [1, 3, 11, 12]) expect(await all('q=p2499', limit)).toEqual(expected);
  });

  test('names, with or without the space', async () => {
    const expected = [25_000, 20_000, 15_000, 10_000, 5000].map((i) => `P${i}@example.jp`);
    expect(await all(`q=${encodeURIComponent('山田 太郎')}`, 2)).toEqual(expected);
    expect(await all(`q=${encodeURIComponent('田太')}`, 2)).toEqual(expected);
  });

  test('% and _ are letters', async () => {
    await person('a_b%c@example.jp');
    expect(await all('q=_b%25', 5)).toEqual(['a_b%c@example.jp']);
    expect(await all('q=%25%25', 5)).toEqual([]);
  });

  test('within a list, by state and term', async () => {
    const listId = await list();
    harness.db.$client
      .prepare(
        `INSERT INTO memberships (list_id, subscriber_id, state, source)
         SELECT ?, id, CASE WHEN id % 8000 = 0 THEN 'unsubscribed' ELSE 'subscribed' END, 'test' FROM subscribers WHERE id > 100`,
      )
      .run(listId);
    const left = [24_000, 16_000, 8000].map((i) => `P${i}@example.jp`);
    expect(await all(`listId=${listId}&state=unsubscribed`, 2)).toEqual(left);
    expect(await all(`listId=${listId}&state=unsubscribed&q=p16`, 2)).toEqual(['P16000@example.jp']);
    expect(await all(`listId=${listId}&q=P1600`, 500)).toHaveLength(11);
    expect((await all(`listId=${listId}`, 500)).length).toBe(24_900);
  });

  test('a cursor of nobody', async () => {
    for (const cursor of ['x', Buffer.from('{"phase":"scan"}').toString('base64url')]) {
      expect(problem(await api('GET', `/subscribers?q=a&cursor=${cursor}`))).toEqual([
        400,
        'invalid-request',
        'cursor:cursor-invalid',
      ]);
    }
  });
});

describe('leaving and coming back', () => {
  const membership = (subscriberId: number) =>
    harness.db.$client
      .prepare(
        `SELECT list_id AS listId, state, source, unsubscribed_at AS at, unsubscribed_by AS by FROM memberships WHERE subscriber_id = ? ORDER BY list_id`,
      )
      .all(subscriberId);

  test('reaches queued mail, and is remembered', async () => {
    const listId = await list();
    const id = await person('a@example.jp', { listIds: [listId] });
    harness.sent.mta.length = 0;
    expect((await api('DELETE', `/lists/${listId}/members/${id}`)).status).toBe(204);
    expect(stops()).toEqual([{ listId, active: 1 }]);
    expect(harness.sent.mta).toEqual([{ type: 'stops' }]);
    expect((await api('GET', `/subscribers/${id}`)).body.memberships).toMatchObject([
      { state: 'unsubscribed', source: 'ui', unsubscribedAt: expect.any(String) },
    ]);
    expect((await api('PUT', `/lists/${listId}/members/${id}`)).body).toMatchObject({
      state: 'subscribed',
      unsubscribedAt: null,
    });
    expect(stops()).toEqual([{ listId, active: 0 }]);
    const stranger = await person('b@example.jp');
    expect(problem(await api('DELETE', `/lists/${listId}/members/${stranger}`))).toEqual([404, 'not-found']);
  });

  test('one list, the same event any number of times', async () => {
    const listId = await list();
    const id = await person('a@example.jp', { listIds: [listId] });
    const { db, deps } = harness;
    const at = Date.now() + 1;
    const leave = () => unsubscribe(db, deps.spool, { subscriberId: id, listId, source: 'campaign:4', at });
    expect([leave(), leave()]).toEqual(['unsubscribed', 'already']);
    expect(membership(id)).toEqual([{ listId, state: 'unsubscribed', source: 'ui', at, by: 'campaign:4' }]);
    // They come back; the event of then arrives once more.
    db.$client.exec(`UPDATE memberships SET state = 'subscribed'`);
    expect(leave()).toBe('already');
    expect(membership(id)).toMatchObject([{ state: 'subscribed' }]);
    expect(unsubscribe(db, deps.spool, { subscriberId: id, listId, source: 'link', at: at + 1 })).toBe(
      'unsubscribed',
    );
    expect(unsubscribe(db, deps.spool, { subscriberId: 99, listId, source: 'link', at })).toBe('unknown');
  });

  test('all mail that comes by lists', async () => {
    const lists = [await list('一'), await list('二')];
    const id = await person('a@example.jp', { listIds: lists });
    const { db, deps } = harness;
    const at = Date.now() + 1;
    const leave = () => unsubscribe(db, deps.spool, { subscriberId: id, listId: 'all', source: 'link', at });
    expect([leave(), leave()]).toEqual(['unsubscribed', 'already']);
    expect(membership(id)).toMatchObject(lists.map((listId) => ({ listId, state: 'unsubscribed', at })));
    expect((await api('GET', `/subscribers/${id}`)).body.suppressed).toMatchObject({
      scope: 'marketing',
      origin: 'unsubscribe',
      reason: 'unsubscribed',
    });
    // By list, not 0: a single message that they asked for may still come.
    expect(stops()).toEqual(lists.map((listId) => ({ listId, active: 1 })));
    // Taken back within the day (tracking): the event of then does nothing any more.
    db.$client.exec(`UPDATE memberships SET state = 'subscribed'; DELETE FROM suppressions`);
    expect(leave()).toBe('already');
    expect(membership(id)).toMatchObject(lists.map(() => ({ state: 'subscribed' })));
  });

  test('who was no member is remembered as having left', async () => {
    const listId = await list();
    const id = await person('a@example.jp');
    expect(
      unsubscribe(harness.db, harness.deps.spool, { subscriberId: id, listId, source: 'link', at: 5 }),
    ).toBe('unsubscribed');
    expect(membership(id)).toMatchObject([{ listId, state: 'unsubscribed' }]);
  });

  test('with a new address, lists that were left stay left', async () => {
    const lists = [await list('一'), await list('二')];
    const id = await person('a@example.jp', { listIds: lists });
    await api('DELETE', `/lists/${lists[0]}/members/${id}`);
    await api('PATCH', `/subscribers/${id}`, { email: 'b@example.jp' });
    expect(stops()).toEqual([
      { listId: lists[0], active: 1 },
      { listId: lists[0], active: 0 },
    ]);
  });
});
