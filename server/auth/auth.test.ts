import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { auditLog, users } from '../db/schema.ts';
import { call, type Harness, startHarness, TEST_PASSWORD } from '../testing/harness.ts';
import { SESSION_IDLE_MS, SESSION_MAX_MS } from './sessions.ts';
import { ACCOUNT_RULE } from './throttle.ts';

let h: Harness;
beforeAll(async () => {
  h = await startHarness({ env: { TODOKE_TRUST_PROXY: 'loopback' } });
});
afterAll(() => h.close());

const login = (email: string, password: string, headers: Record<string, string> = {}) =>
  call(h.admin, 'POST', '/api/v1/session', headers, { email, password });
const cookieOf = (response: { headers: Record<string, unknown> }) =>
  String(response.headers['set-cookie'] ?? '');
const session = (cookie: string) => ({ cookie: cookie.split(';')[0]! });

describe('login', () => {
  test('sets a cookie that scripts and other sites cannot use', async () => {
    const { id } = await h.login('editor', 'login@example.com');
    const response = await login('Login@Example.com ', TEST_PASSWORD);
    expect(response.status).toBe(200);
    expect(response.body).toMatchObject({
      user: { id, email: 'login@example.com', role: 'editor' },
      delivery: 'sandbox',
    });
    expect(cookieOf(response)).toMatch(
      /^todoke_session=[\w-]{43}; Max-Age=604800; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    const me = await call(h.admin, 'GET', '/api/v1/session', session(cookieOf(response)));
    expect(me.body.user.id).toBe(id);
    expect(
      h.db.$client
        .prepare('SELECT count(*) FROM sessions WHERE token_hash = ?')
        .pluck()
        .get(cookieOf(response).slice(15, 58)),
    ).toBe(0);
  });

  test('the cookie is Secure when a trusted proxy says that the browser speaks https', async () => {
    await h.login('editor', 'tls@example.com');
    const response = await login('tls@example.com', TEST_PASSWORD, { 'x-forwarded-proto': 'https' });
    expect(cookieOf(response)).toContain('; Secure');
  });

  test('a wrong password, an unknown and a disabled account get the same answer', async () => {
    const { id } = await h.login('viewer', 'gone@example.com');
    h.db.$client.prepare('UPDATE users SET disabled_at = 1 WHERE id = ?').run(id);
    await h.login('viewer', 'there@example.com');
    const answers = [
      await login('there@example.com', 'not the password'),
      await login('unknown@example.com', TEST_PASSWORD),
      await login('gone@example.com', TEST_PASSWORD),
    ];
    for (const { status, text } of answers) expect([status, text]).toEqual([401, answers[0]!.text]);
    expect(answers[0]!.body.code).toBe('wrong-credentials');
  });

  test('an old hash is made new at a login', async () => {
    const { id } = await h.login('viewer', 'old@example.com');
    await login('old@example.com', TEST_PASSWORD);
    const row = h.db
      .select()
      .from(users)
      .all()
      .find((user) => user.id === id);
    expect(row?.passwordHash).toContain('ln=15');
    expect(row?.lastLoginAt).not.toBeNull();
    expect((await login('old@example.com', TEST_PASSWORD)).status).toBe(200);
  });

  test('guessing at one account is slowed down from wherever it comes, others are not touched', async () => {
    await h.login('viewer', 'victim@example.com');
    await h.login('viewer', 'other@example.com');
    for (let i = 0; i < ACCOUNT_RULE.failures; i++) {
      expect((await login('victim@example.com', 'guess', { 'x-forwarded-for': `192.0.2.${i}` })).status).toBe(
        401,
      );
    }
    const refused = await login('VICTIM@example.com', TEST_PASSWORD, { 'x-forwarded-for': '198.51.100.1' });
    expect([refused.status, refused.body.code]).toEqual([429, 'too-many-requests']);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await login('other@example.com', TEST_PASSWORD)).status).toBe(200);
  });

  test('guessing at many accounts from one address is slowed down', async () => {
    const from = { 'x-forwarded-for': '203.0.113.9' };
    const tries = Array.from({ length: 51 }, (_, i) => login(`nobody${i}@example.com`, 'guess', from));
    const statuses = (await Promise.all(tries)).map(({ status }) => status);
    expect(statuses.slice(0, 50).every((status) => status === 401)).toBe(true);
    expect(statuses[50]).toBe(429);
  });

  test('from another site nobody can log a browser in', async () => {
    await h.login('viewer', 'csrf@example.com');
    const response = await login('csrf@example.com', TEST_PASSWORD, { origin: 'http://evil.example' });
    expect([response.status, response.body.code]).toEqual([403, 'csrf-failed']);
    expect(cookieOf(response)).toBe('');
  });
});

describe('sessions', () => {
  test('end by logout', async () => {
    const { headers } = await h.login('viewer');
    const response = await call(h.admin, 'DELETE', '/api/v1/session', headers);
    expect(response.status).toBe(204);
    expect(cookieOf(response)).toContain('Max-Age=0');
    expect((await call(h.admin, 'GET', '/api/v1/session', headers)).body.code).toBe('not-logged-in');
  });

  test.each([
    ['after a day without use', 'last_seen_at', SESSION_IDLE_MS],
    ['after a week in any case', 'created_at', SESSION_MAX_MS],
  ])('end %s', async (_name, column, age) => {
    const { id, headers } = await h.login('viewer');
    expect((await call(h.admin, 'GET', '/api/v1/session', headers)).status).toBe(200);
    const shift = column === 'created_at' ? 'expires_at = expires_at - ?' : 'last_seen_at = last_seen_at - ?';
    h.db.$client.prepare(`UPDATE sessions SET ${shift} WHERE user_id = ?`).run(age, id);
    expect((await call(h.admin, 'GET', '/api/v1/session', headers)).status).toBe(401);
  });

  test('being used keeps one alive, written down at most once a minute', async () => {
    const { id, headers } = await h.login('viewer');
    const seen = () =>
      h.db.$client.prepare('SELECT last_seen_at FROM sessions WHERE user_id = ?').pluck().get(id) as number;
    const first = seen();
    await call(h.admin, 'GET', '/api/v1/session', headers);
    expect(seen()).toBe(first);
    h.db.$client.prepare('UPDATE sessions SET last_seen_at = last_seen_at - 61000 WHERE user_id = ?').run(id);
    await call(h.admin, 'GET', '/api/v1/session', headers);
    expect(seen()).toBeGreaterThanOrEqual(first);
  });

  test('requests from another site are refused, reading is not', async () => {
    const { headers } = await h.login('viewer');
    const foreign = { ...headers, origin: 'http://evil.example' };
    const refused = await call(h.admin, 'PATCH', '/api/v1/session', foreign, { name: 'x' });
    expect([refused.status, refused.body.code]).toEqual([403, 'csrf-failed']);
    const own = { ...headers, host: 'todoke.lan:8080', origin: 'http://todoke.lan:8080' };
    expect((await call(h.admin, 'PATCH', '/api/v1/session', own, { name: 'x' })).body.user.name).toBe('x');
  });

  test('a new password needs the old one and ends the other sessions', async () => {
    const { id, headers } = await h.login('viewer', 'change@example.com');
    const other = session(cookieOf(await login('change@example.com', TEST_PASSWORD)));
    const refused = await call(h.admin, 'PATCH', '/api/v1/session', headers, {
      password: 'another good one',
      currentPassword: 'no',
    });
    expect([refused.status, refused.body.errors[0].pointer]).toEqual([401, '/currentPassword']);
    const changed = await call(h.admin, 'PATCH', '/api/v1/session', headers, {
      password: 'another good one',
      currentPassword: TEST_PASSWORD,
    });
    expect(changed.body.user.id).toBe(id);
    expect((await call(h.admin, 'GET', '/api/v1/session', headers)).status).toBe(200);
    expect((await call(h.admin, 'GET', '/api/v1/session', other)).status).toBe(401);
    expect((await login('change@example.com', 'another good one')).status).toBe(200);
  });
});

test('a full disk keeps nobody from looking', async () => {
  const { headers } = await h.login('administrator');
  const key = h.key('metrics:read');
  const { $client } = h.db;
  $client.exec(
    'UPDATE sessions SET last_seen_at = last_seen_at - 3600000; UPDATE api_keys SET last_used_at = 0',
  );
  for (const table of ['sessions', 'api_keys'])
    $client.exec(
      `CREATE TRIGGER full_${table} BEFORE UPDATE ON ${table} BEGIN SELECT raise(ABORT, 'full'); END`,
    );
  expect((await call(h.admin, 'GET', '/api/v1/session', headers)).status).toBe(200);
  expect((await call(h.admin, 'GET', '/metrics', key)).status).toBe(200);
  for (const table of ['sessions', 'api_keys']) $client.exec(`DROP TRIGGER full_${table}`);
});

describe('users', () => {
  test('are added, changed and removed; each step stands in the audit log without the password', async () => {
    const admin = await h.login('administrator');
    const made = await call(h.admin, 'POST', '/api/v1/users', admin.headers, {
      email: 'New@Example.com',
      name: '新人',
      role: 'editor',
      password: 'first password',
    });
    expect([made.status, made.body.email, made.body.disabled]).toEqual([201, 'new@example.com', false]);
    const url = `/api/v1/users/${made.body.id}`;
    expect(
      (await call(h.admin, 'PATCH', url, admin.headers, { role: 'viewer', password: 'second password' })).body
        .role,
    ).toBe('viewer');
    expect((await call(h.admin, 'GET', '/api/v1/users', admin.headers)).body.items.at(-1)).toMatchObject({
      name: '新人',
    });
    expect((await call(h.admin, 'DELETE', url, admin.headers)).status).toBe(204);
    expect((await call(h.admin, 'PATCH', url, admin.headers, { name: 'x' })).status).toBe(404);
    const entries = h.db
      .select()
      .from(auditLog)
      .all()
      .filter((entry) => entry.target === `user:${made.body.id}`);
    expect(entries.map((entry) => entry.action)).toEqual(['user.create', 'user.change', 'user.delete']);
    expect(JSON.stringify(entries)).not.toMatch(/(first|second) password/);
    expect(entries[1]).toMatchObject({ actorKind: 'user', actorId: admin.id, detail: { role: 'viewer' } });
  });

  test('an address is used once', async () => {
    const admin = await h.login('administrator', 'twice@example.com');
    const body = { email: 'TWICE@example.com', name: 'x', role: 'viewer', password: 'a good password' };
    const refused = await call(h.admin, 'POST', '/api/v1/users', admin.headers, body);
    expect([refused.status, refused.body.code, refused.body.errors[0].pointer]).toEqual([
      409,
      'already-exists',
      '/email',
    ]);
  });

  test('whoever is disabled or gets another password is logged out at once', async () => {
    const admin = await h.login('administrator');
    for (const change of [{ disabled: true }, { password: 'set by the admin' }]) {
      const person = await h.login('viewer');
      await call(h.admin, 'PATCH', `/api/v1/users/${person.id}`, admin.headers, change);
      expect((await call(h.admin, 'GET', '/api/v1/session', person.headers)).status).toBe(401);
    }
  });

  test('a key cannot give or touch more than it holds', async () => {
    const admin = await h.login('administrator');
    const key = h.key('users:manage');
    const asks = [
      call(h.admin, 'POST', '/api/v1/users', key, {
        email: 'up@example.com',
        name: 'x',
        role: 'administrator',
        password: 'a good password',
      }),
      call(h.admin, 'PATCH', `/api/v1/users/${admin.id}`, key, { password: 'taken over now' }),
      call(h.admin, 'DELETE', `/api/v1/users/${admin.id}`, key),
      call(h.admin, 'POST', '/api/v1/api-keys', key, { name: 'up', scopes: ['audit:read'] }),
    ];
    for (const { status, body } of await Promise.all(asks))
      expect([status, body.code]).toEqual([403, 'forbidden']);
    expect(
      (await call(h.admin, 'POST', '/api/v1/api-keys', key, { name: 'same', scopes: ['users:manage'] }))
        .status,
    ).toBe(201);
  });
});

test('the last administrator cannot be removed, disabled or demoted', async () => {
  const alone = await startHarness();
  try {
    const admin = await alone.login('administrator');
    const url = `/api/v1/users/${admin.id}`;
    const asks = [
      await call(alone.admin, 'DELETE', url, admin.headers),
      await call(alone.admin, 'PATCH', url, admin.headers, { disabled: true }),
      await call(alone.admin, 'PATCH', url, admin.headers, { role: 'editor' }),
    ];
    for (const { status, body } of asks) expect([status, body.code]).toEqual([409, 'last-administrator']);
    // a disabled colleague is no administrator
    const second = await alone.login('administrator');
    expect(
      (await call(alone.admin, 'PATCH', `/api/v1/users/${second.id}`, admin.headers, { disabled: true }))
        .status,
    ).toBe(200);
    expect((await call(alone.admin, 'DELETE', url, admin.headers)).status).toBe(409);
    expect(
      (await call(alone.admin, 'PATCH', `/api/v1/users/${second.id}`, admin.headers, { disabled: false }))
        .status,
    ).toBe(200);
    expect((await call(alone.admin, 'DELETE', url, admin.headers)).status).toBe(204);
  } finally {
    await alone.close();
  }
});

describe('API keys', () => {
  test('are shown once, work at once, and no more after being revoked', async () => {
    const admin = await h.login('administrator');
    const made = await call(h.admin, 'POST', '/api/v1/api-keys', admin.headers, {
      name: 'CRM',
      scopes: ['users:manage', 'audit:read'],
    });
    expect(made.body.key).toMatch(/^tdk_[0-9A-Za-z]{43}$/);
    expect(made.body.prefix).toBe(made.body.key.slice(0, 10));
    const bearer = { authorization: `bearer ${made.body.key}` };
    expect((await call(h.admin, 'GET', '/api/v1/users', bearer)).status).toBe(200);
    const listed = await call(h.admin, 'GET', '/api/v1/api-keys', admin.headers);
    expect(listed.text).not.toContain(made.body.key);
    expect(listed.body.items[0]).toMatchObject({
      name: 'CRM',
      revokedAt: null,
      lastUsedAt: expect.any(String),
    });
    expect((await call(h.admin, 'DELETE', `/api/v1/api-keys/${made.body.id}`, admin.headers)).status).toBe(
      204,
    );
    expect((await call(h.admin, 'GET', '/api/v1/users', bearer)).status).toBe(401);
    expect(
      h.db.$client.prepare('SELECT count(*) FROM api_keys WHERE key_hash = ?').pluck().get(made.body.key),
    ).toBe(0);
  });

  test('a key that is wrong is not replaced by a cookie that is right', async () => {
    const admin = await h.login('administrator');
    for (const authorization of ['Bearer tdk_wrong', 'Basic YTpi', 'Bearer']) {
      expect((await call(h.admin, 'GET', '/api/v1/users', { ...admin.headers, authorization })).status).toBe(
        401,
      );
    }
  });

  test('need no origin: they are no cookie', async () => {
    const response = await call(
      h.admin,
      'POST',
      '/api/v1/api-keys',
      { ...h.key('users:manage'), origin: 'http://elsewhere' },
      {
        name: 'x',
        scopes: ['users:manage'],
      },
    );
    expect(response.status).toBe(201);
  });
});
