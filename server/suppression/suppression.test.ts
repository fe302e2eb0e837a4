import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { audienceRoutes } from '../audience/routes.ts';
import { call, type Harness, startHarness } from '../testing/harness.ts';
import { suppressionRoutes } from './routes.ts';

let harness: Harness;
let headers: Record<string, string>;
beforeEach(async () => {
  harness = await startHarness({ features: [audienceRoutes, suppressionRoutes] });
  ({ headers } = await harness.login('editor'));
});
afterEach(() => harness.close());

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
const api = (method: Method, path: string, body?: object) =>
  call(harness.admin, method, `/api/v1${path}`, headers, body);
const stops = () => {
  const spool = new Database(join(harness.dataDir, 'spool.db'), { readonly: true });
  try {
    return spool.prepare('SELECT list_id AS listId, active FROM stop ORDER BY list_id').all();
  } finally {
    spool.close();
  }
};

test('an entry stops all mail, is kept once, and ends with its deletion', async () => {
  const made = await api('POST', '/suppressions', { email: 'A@Example.jp', note: '電話で依頼' });
  expect(made).toMatchObject({
    status: 201,
    body: { email: 'A@Example.jp', scope: 'all', origin: 'manual', reason: 'manual', note: '電話で依頼' },
  });
  expect(stops()).toEqual([{ listId: 0, active: 1 }]);
  expect(harness.sent.mta).toContainEqual({ type: 'stops' });
  const again = await api('POST', '/suppressions', { email: 'a@example.jp', note: 'もう一度' });
  expect([again.status, again.body]).toEqual([200, made.body]);
  const person = await api('POST', '/subscribers', { email: 'a@example.jp' });
  expect(person.body.suppressed).toMatchObject({ id: made.body.id, scope: 'all', reason: 'manual' });
  expect((await api('DELETE', `/suppressions/${made.body.id}`)).status).toBe(204);
  expect(stops()).toEqual([{ listId: 0, active: 0 }]);
  expect((await api('GET', `/subscribers/${person.body.id}`)).body.suppressed).toBeNull();
  const gone = await api('DELETE', `/suppressions/${made.body.id}`);
  expect([gone.status, gone.body.code]).toEqual([404, 'not-found']);
});

test('marketing only: the lists of the person stop, single messages do not; lists they left stay stopped', async () => {
  const a = (await api('POST', '/lists', { name: '一' })).body.id;
  const b = (await api('POST', '/lists', { name: '二' })).body.id;
  const { id } = (await api('POST', '/subscribers', { email: 'a@example.jp', listIds: [a, b] })).body;
  const made = await api('POST', '/suppressions', { email: 'a@example.jp', scope: 'marketing' });
  expect(stops()).toEqual([
    { listId: a, active: 1 },
    { listId: b, active: 1 },
  ]);
  await api('DELETE', `/lists/${b}/members/${id}`);
  await api('DELETE', `/suppressions/${made.body.id}`);
  expect(stops()).toEqual([
    { listId: a, active: 0 },
    { listId: b, active: 1 },
  ]);
});

test('both scopes may stand; the wider one is shown with the person', async () => {
  await api('POST', '/suppressions', { email: 'a@example.jp', scope: 'marketing' });
  await api('POST', '/suppressions', { email: 'a@example.jp', scope: 'all' });
  const person = await api('POST', '/subscribers', { email: 'a@example.jp' });
  expect(person.body.suppressed.scope).toBe('all');
});

test('the list is paged newest first and found by the beginning of an address', async () => {
  for (const name of ['a1', 'b1', 'a2', 'a3', 'b2'])
    await api('POST', '/suppressions', { email: `${name}@example.jp` });
  const names = (page: { items: { email: string }[] }) => page.items.map(({ email }) => email.split('@')[0]);
  const first = (await api('GET', '/suppressions?limit=3')).body;
  expect(names(first)).toEqual(['b2', 'a3', 'a2']);
  await api('POST', '/suppressions', { email: 'c1@example.jp' });
  const second = (await api('GET', `/suppressions?limit=3&cursor=${first.nextCursor}`)).body;
  expect([names(second), second.nextCursor]).toEqual([['b1', 'a1'], null]);
  const found = (await api('GET', '/suppressions?limit=2&q=A')).body;
  expect(names(found)).toEqual(['a3', 'a2']);
  expect(names((await api('GET', `/suppressions?limit=2&q=A&cursor=${found.nextCursor}`)).body)).toEqual([
    'a1',
  ]);
});

test('what is no address is refused by name', async () => {
  const { status, body } = await api('POST', '/suppressions', { email: 'nobody' });
  expect([status, body.code, body.errors[0].code]).toEqual([422, 'address-invalid', 'no-at']);
});
