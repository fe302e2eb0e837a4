import Type from 'typebox';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Routes } from '../deps.ts';
import { AppError } from '../errors.ts';
import { call, type Harness, startHarness } from '../testing/harness.ts';
import { isStorable } from './idempotency.ts';

let made = 0;
/** answers of the route below, set by each test */
let outcome: () => unknown = () => ({});
let gate: Promise<void> | undefined;

const countingRoutes: Routes = (app) => {
  app.post(
    '/api/v1/lists',
    { schema: { body: Type.Object({ name: Type.String(), tag: Type.Optional(Type.String()) }) } },
    async (_request, reply) => {
      made += 1;
      await gate;
      const answer = outcome();
      return reply.code(201).send(answer);
    },
  );
  app.post('/api/v1/imports', async (request, reply) => {
    made += 1;
    const file = await request.file();
    await file?.toBuffer();
    return reply.code(201).send({ made });
  });
};

let h: Harness;
let headers: Record<string, string>;
beforeAll(async () => {
  h = await startHarness({ features: [countingRoutes] });
  headers = (await h.login('administrator')).headers;
});
afterAll(() => h.close());
beforeEach(() => {
  made = 0;
  gate = undefined;
  outcome = () => ({ made, email: 'taro@example.com' });
});

const post = (key: string, payload: unknown = { name: 'a' }, who = headers) =>
  call(h.admin, 'POST', '/api/v1/lists', { ...who, 'idempotency-key': key }, payload as never);
const rows = () => h.db.$client.prepare('SELECT count(*) FROM idempotency_keys').pluck().get() as number;

test('the same request has its effect once and gets the same answer', async () => {
  const first = await post('k1');
  const second = await post('k1');
  expect([first.status, first.headers['idempotency-replayed']]).toEqual([201, undefined]);
  expect([second.status, second.headers['idempotency-replayed']]).toEqual([201, 'true']);
  expect(second.text).toBe(first.text);
  expect(second.headers['content-type']).toBe(first.headers['content-type']);
  expect(made).toBe(1);
});

test('without the header nothing is remembered', async () => {
  const before = rows();
  for (let i = 0; i < 2; i++) await call(h.admin, 'POST', '/api/v1/lists', headers, { name: 'a' });
  expect([made, rows()]).toEqual([2, before]);
});

test('the order of the keys in the JSON makes no other request', async () => {
  await post('order', { name: 'a', tag: 'b' });
  expect((await post('order', { tag: 'b', name: 'a' })).status).toBe(201);
  expect(made).toBe(1);
});

test('another request under the same key is refused', async () => {
  await post('k2');
  const other = await post('k2', { name: 'b' });
  expect([other.status, other.body.code]).toEqual([409, 'idempotency-conflict']);
  expect(made).toBe(1);
});

test('keys of two callers have nothing to do with each other', async () => {
  await post('k3');
  expect((await post('k3', { name: 'b' }, h.key('audience:write'))).status).toBe(201);
  expect(made).toBe(2);
});

test('a second request while the first runs is refused, and replayed afterwards', async () => {
  const opened = Promise.withResolvers<void>();
  gate = opened.promise;
  outcome = () => ({ late: true });
  const first = post('k4');
  while (made === 0) await new Promise((resolve) => setImmediate(resolve));
  const second = await post('k4');
  expect([second.status, second.body.code]).toEqual([409, 'idempotency-running']);
  opened.resolve();
  expect((await first).body).toEqual({ late: true });
  expect((await post('k4')).headers['idempotency-replayed']).toBe('true');
  expect(made).toBe(1);
});

test.each([
  ['a failure of ours', () => new Error('disk full'), 500],
  ['a state that can change', () => new AppError('wrong-state'), 409],
])('%s is not remembered: the request can be made again', async (name, error, status) => {
  const key = `fail-${status}`;
  outcome = () => {
    throw error();
  };
  expect((await post(key)).status, name).toBe(status);
  outcome = () => ({ fine: true });
  expect((await post(key)).body).toEqual({ fine: true });
  expect(made).toBe(2);
});

test('a key that a crash left behind does not wedge: the next start frees it', async () => {
  gate = new Promise(() => {});
  void post('crashed');
  while (made === 0) await new Promise((resolve) => setImmediate(resolve));
  // the same folder, started again
  const { buildAdminApp } = await import('../app.ts');
  const { Sessions } = await import('../auth/sessions.ts');
  const { Metrics } = await import('./metrics.ts');
  const { createLogger } = await import('../log.ts');
  const again = await buildAdminApp({
    deps: h.deps,
    log: createLogger('silent'),
    sessions: new Sessions(h.db),
    live: h.live,
    health: { problems: () => [] },
    metrics: new Metrics(h.deps),
    features: [countingRoutes],
  });
  gate = undefined;
  const response = await call(
    again,
    'POST',
    '/api/v1/lists',
    { ...headers, 'idempotency-key': 'crashed' },
    { name: 'a' },
  );
  expect([response.status, made]).toEqual([201, 2]);
});

test('after a day the key is free again', async () => {
  await post('daily');
  h.db.$client.prepare('UPDATE idempotency_keys SET created_at = created_at - 86400001').run();
  expect((await post('daily', { name: 'other' })).status).toBe(201);
  expect(made).toBe(2);
});

test('an upload is told by its key alone', async () => {
  const upload = (content: string) => {
    const boundary = `b${content.length}`;
    const payload = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n${content}\r\n--${boundary}--\r\n`;
    const type = `multipart/form-data; boundary=${boundary}`;
    return call(
      h.admin,
      'POST',
      '/api/v1/imports',
      { ...headers, 'idempotency-key': 'file', 'content-type': type },
      payload,
    );
  };
  expect((await upload('a@b.c')).body).toEqual({ made: 1 });
  const again = await upload('a@b.c');
  expect([again.body, again.headers['idempotency-replayed']]).toEqual([{ made: 1 }, 'true']);
});

test.each(['', 'a b', 'ä', 'x'.repeat(256)])('a key that is none: %j', async (key) => {
  const response = await post(key);
  expect([response.status, response.body.errors?.[0].pointer]).toEqual([400, 'idempotency-key']);
});

test('what was answered cannot be read from the database without the key', async () => {
  await post('a-key-that-is-secret');
  const dump = JSON.stringify(h.db.$client.prepare('SELECT * FROM idempotency_keys').all());
  expect(dump).not.toContain('a-key-that-is-secret');
  expect(dump).not.toContain('taro@');
  expect(Buffer.from(dump, 'base64').toString('latin1')).not.toContain('taro@');
});

test.each([
  [200, '/api/v1/lists', true],
  [201, '/api/v1/lists', true],
  [202, '/api/v1/campaigns/:id/start', true],
  [400, '/api/v1/lists', true],
  [422, '/api/v1/subscribers', true],
  [422, '/api/v1/campaigns/:id/start', false],
  [401, '/api/v1/lists', false],
  [403, '/api/v1/lists', false],
  [404, '/api/v1/lists/:id', false],
  [409, '/api/v1/lists', false],
  [429, '/api/v1/lists', false],
  [500, '/api/v1/lists', false],
  [503, '/api/v1/lists', false],
])('%i from %s is remembered: %s', (status, route, expected) => {
  expect(isStorable(status, route)).toBe(expected);
});
