import { once } from 'node:events';
import { connect } from 'node:net';
import Type from 'typebox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDb } from '../db/open.ts';
import type { Routes } from '../deps.ts';
import { AppError, ERRORS, type ErrorCode } from '../errors.ts';
import { Id, Nullable } from '../schemas.ts';
import { call, type Harness, startHarness } from '../testing/harness.ts';
import { toProblem } from './problem.ts';

const State = Type.Union([Type.Literal('open'), Type.Literal('shut')]);
const Body = Type.Object({
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 5 })),
  listIds: Type.Optional(Type.Array(Id, { maxItems: 3 })),
  state: Type.Optional(State),
  from: Type.Optional(Nullable(Type.Object({ address: Type.String() }))),
  password: Type.Optional(Type.String({ minLength: 10 })),
  privateKey: Type.Optional(Type.String({ minLength: 10 })),
  key: Type.Optional(Type.String({ minLength: 10 })),
  at: Type.Optional(Type.String({ format: 'date-time' })),
  size: Type.Optional(Type.Enum(['big', 'small'])),
});

/** Routes of the table under which this test can raise every kind of error; the real ones are not registered here. */
const errorRoutes: Routes = (app) => {
  app.post('/api/v1/lists', { schema: { body: Body } }, async (request) => request.body);
  app.get(
    '/api/v1/lists',
    {
      schema: {
        querystring: Type.Object({
          limit: Type.Optional(Type.Integer({ maximum: 5 })),
          state: Type.Optional(State),
        }),
      },
    },
    async (request) => request.query,
  );
  app.get(
    '/api/v1/lists/:id',
    { schema: { params: Type.Object({ id: Id }) } },
    async (request) => request.params,
  );
  app.get('/api/v1/attributes', async () => {
    throw new Error('secret detail of a bug');
  });
  app.get('/api/v1/imports', async () => {
    const other = openDb(h.dataDir);
    other.$client.exec('BEGIN IMMEDIATE');
    h.db.$client.pragma('busy_timeout = 1');
    try {
      h.db.$client.exec('DELETE FROM sessions WHERE user_id = 0');
    } finally {
      other.$client.close();
    }
  });
  app.get('/api/v1/subscribers', async () => {
    throw new AppError('content-invalid', 'line 3', [
      { pointer: '/html', code: 'tag-unknown', message: 'no such tag', line: 3, column: 4 },
    ]);
  });
};

let h: Harness;
let headers: Record<string, string>;
const lines: string[] = [];
beforeAll(async () => {
  h = await startHarness({ features: [errorRoutes], log: (line) => lines.push(line) });
  headers = (await h.login('administrator')).headers;
});
afterAll(() => h.close());

const post = (payload: unknown, more: Record<string, string> = {}) =>
  call(h.admin, 'POST', '/api/v1/lists', { ...headers, ...more }, payload as never);

test.each(Object.keys(ERRORS) as ErrorCode[])('%s is a problem document of RFC 9457', (code) => {
  const { status, title } = ERRORS[code];
  expect(toProblem(code)).toEqual({ type: `urn:todoke:error:${code}`, title, status, code });
});

test.each([
  [{ name: '' }, { pointer: '/name', code: 'minLength', value: '' }],
  [{ name: 'too long' }, { pointer: '/name', code: 'maxLength', value: 'too long' }],
  [{ key: 'k' }, { pointer: '/key', code: 'minLength', value: 'k' }],
  [{ name: 7 }, { pointer: '/name', code: 'type', value: 7 }],
  [
    { nmae: 'x' },
    {
      pointer: '/nmae',
      code: 'unknown-property',
      value: 'x',
      message: expect.stringContaining('known: name, listIds'),
    },
  ],
  [{ 'a/b~c': 1 }, { pointer: '/a~1b~0c', code: 'unknown-property' }],
  [{ listIds: [1, 'x'] }, { pointer: '/listIds/1', code: 'type', value: 'x' }],
  [{ listIds: [0] }, { pointer: '/listIds/0', code: 'minimum', value: 0 }],
  [{ listIds: [1, 2, 3, 4] }, { pointer: '/listIds', code: 'maxItems', value: 'array of 4' }],
  [
    { state: 'ajar' },
    { pointer: '/state', code: 'anyOf', value: 'ajar', message: 'must be "open" or "shut"' },
  ],
  [{ size: 'tall' }, { pointer: '/size', code: 'enum', value: 'tall', message: 'must be "big" or "small"' }],
  [{ from: {} }, { pointer: '/from/address', code: 'required', message: 'is missing' }],
  [{ from: 5 }, { pointer: '/from', code: 'anyOf', value: 5, message: 'must be object or null' }],
  [{ at: 'tomorrow' }, { pointer: '/at', code: 'format', value: 'tomorrow' }],
  [[], { pointer: '', code: 'type' }],
])('body %j: one error that names field and value', async (payload, expected) => {
  const response = await post(payload);
  expect(response.status).toBe(400);
  expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(response.body).toMatchObject({
    type: 'urn:todoke:error:invalid-request',
    status: 400,
    code: 'invalid-request',
  });
  expect(response.body.errors).toEqual([expect.objectContaining(expected)]);
});

test('every bad field is named at once, a secret’s value is not', async () => {
  const response = await post({ name: 'too long', password: 'short', privateKey: 'short', state: 1 });
  expect(response.body.errors.map((e: { pointer: string }) => e.pointer).sort()).toEqual([
    '/name',
    '/password',
    '/privateKey',
    '/state',
  ]);
  expect(response.text).not.toContain('"short"');
});

test('thousands of errors are cut, long values are shortened', async () => {
  const many = await post(Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`x${i}`, 1])));
  expect(many.body.errors).toHaveLength(50);
  const long = await post({ name: 'あ'.repeat(10_000) });
  expect(long.text.length).toBeLessThan(2000);
});

test('ids may come as strings, a body of options may be left out', async () => {
  expect((await post({ listIds: ['1', '2'] })).body).toEqual({ listIds: [1, 2] });
  expect((await call(h.admin, 'POST', '/api/v1/lists', headers)).body).toEqual({});
  expect(
    (await call(h.admin, 'POST', '/api/v1/lists', { ...headers, 'content-type': 'application/json' }, ''))
      .body,
  ).toEqual({});
});

test.each([
  ['?limit=x', { pointer: 'limit', code: 'type', value: 'x' }],
  ['?limit=9', { pointer: 'limit', code: 'maximum', value: 9 }],
  ['?state=ajar', { pointer: 'state', code: 'anyOf', value: 'ajar' }],
  ['?lmit=1', { pointer: 'lmit', code: 'unknown-property' }],
])('query %s: the parameter is named', async (query, expected) => {
  const response = await call(h.admin, 'GET', `/api/v1/lists${query}`, headers);
  expect([response.status, response.body.errors]).toEqual([400, [expect.objectContaining(expected)]]);
});

test('an id in the path that is none', async () => {
  const response = await call(h.admin, 'GET', '/api/v1/lists/abc', headers);
  expect([response.status, response.body.errors[0]]).toMatchObject([400, { pointer: 'id', value: 'abc' }]);
});

test.each([
  ['{"name": "a",}', 'line 1, column 14'],
  ['{"a": 1,\n  "b": x}', 'unexpected x'],
  ['{"a": 1,\n "b": 2\n "c": 3}', 'line 3, column 2'],
  ['{"a": ', 'ends too early'],
  ['{"__proto__": {"a": 1}}', '__proto__'],
])('JSON that is none: %j', async (payload, detail) => {
  const response = await post(payload, { 'content-type': 'application/json' });
  expect([response.status, response.body.code]).toEqual([400, 'invalid-request']);
  expect(response.body.detail).toContain(detail);
  expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
});

test.each([
  [
    'a content type that no route takes',
    415,
    'unsupported-media-type',
    () => post('<a/>', { 'content-type': 'application/xml' }),
  ],
  [
    'a body that is too large',
    413,
    'body-too-large',
    () => post(`"${'x'.repeat(9 * 1024 * 1024)}"`, { 'content-type': 'application/json' }),
  ],
  ['an address that is not there', 404, 'not-found', () => call(h.admin, 'GET', '/api/v1/nothing', headers)],
  [
    'a method that a path does not have',
    404,
    'not-found',
    () => call(h.admin, 'DELETE', '/api/v1/lists', headers),
  ],
  [
    'a path that cannot be decoded',
    400,
    'invalid-request',
    () => call(h.admin, 'GET', '/api/v1/%zz', headers),
  ],
  ['nobody logged in', 401, 'not-logged-in', () => call(h.admin, 'GET', '/api/v1/lists')],
  ['not allowed', 403, 'forbidden', async () => call(h.admin, 'GET', '/api/v1/lists', h.key('audit:read'))],
])('%s: %i %s', async (_name, status, code, ask) => {
  const response = await ask();
  expect([response.status, response.body.code, response.body.status]).toEqual([status, code, status]);
  expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
  if (status === 401) expect(response.headers['www-authenticate']).toContain('Bearer');
});

test('an error of our logic keeps its fields', async () => {
  const response = await call(h.admin, 'GET', '/api/v1/subscribers', headers);
  expect(response.status).toBe(422);
  expect(response.body).toMatchObject({
    code: 'content-invalid',
    detail: 'line 3',
    errors: [{ pointer: '/html', line: 3, column: 4 }],
  });
});

test('a bug tells the caller only where to look, and the log everything', async () => {
  lines.length = 0;
  const response = await call(h.admin, 'GET', '/api/v1/attributes', headers);
  expect([response.status, response.body.code]).toEqual([500, 'internal']);
  expect(response.text).not.toContain('secret detail');
  const id = String(response.headers['x-request-id']);
  expect(response.body.detail).toContain(id);
  expect(lines.find((line) => line.includes('secret detail of a bug') && line.includes(id))).toBeDefined();
});

test('a database that is held by another writer is a reason to come again', async () => {
  const response = await call(h.admin, 'GET', '/api/v1/imports', headers);
  expect(response).toMatchObject({
    status: 503,
    body: { code: 'not-ready' },
    headers: { 'retry-after': '5' },
  });
});

test('the log has neither cookies nor keys nor addresses', async () => {
  lines.length = 0;
  const key = h.key('audience:read');
  await call(h.admin, 'GET', '/api/v1/lists?q=taro@example.com', { ...headers, ...key });
  await post({ password: 'a long password', name: 'taro@example.com' });
  const log = lines.join('');
  expect(log).toContain('/api/v1/lists');
  for (const secret of [
    headers.cookie!.split('=')[1]!,
    key.authorization!.slice(7),
    'a long password',
    'taro@',
  ]) {
    expect(log).not.toContain(secret);
  }
});

test('bytes that are no HTTP get a problem, too', async () => {
  const address = await h.admin.listen({ host: '127.0.0.1', port: 0 });
  const socket = connect(Number(new URL(address).port), '127.0.0.1');
  socket.end('HELO example.com\r\n\r\n');
  let answer = '';
  socket.on('data', (data) => {
    answer += data;
  });
  await once(socket, 'close');
  expect(answer).toMatch(/^HTTP\/1\.1 400 .*application\/problem\+json.*"code":"invalid-request"/s);
});
