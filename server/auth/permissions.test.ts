import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Actor } from '../deps.ts';
import { features } from '../features.ts';
import { type Harness, startHarness } from '../testing/harness.ts';
import { decide } from './guard.ts';
import { type Permission, ROLE_SCOPES, ROLES, ROUTES, SCOPES } from './permissions.ts';

let h: Harness;
beforeAll(async () => {
  h = await startHarness({ features });
});
afterAll(() => h.close());

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
const routes = Object.entries(ROUTES).map(([key, permission]) => {
  const [method, url] = key.split(' ') as [Method, string];
  return { key, method, url, permission };
});

/** Everybody there is: strangers, each role, a key of each scope, and a key of all. */
const actors: { name: string; actor: Actor | null; headers(): Promise<Record<string, string>> }[] = [
  { name: 'nobody', actor: null, headers: async () => ({}) },
  { name: 'a wrong key', actor: null, headers: async () => ({ authorization: 'Bearer tdk_wrong' }) },
  ...ROLES.map((role) => ({
    name: role,
    actor: { kind: 'user' as const, id: 0, name: role, role, scopes: ROLE_SCOPES[role] },
    // a session each time: DELETE /session would end it for the others
    headers: async () => (await h.login(role)).headers,
  })),
  ...[...SCOPES.map((scope) => [scope]), [...SCOPES]].map((scopes) => ({
    name: `key of ${scopes.length === 1 ? scopes[0] : 'all scopes'}`,
    actor: { kind: 'key' as const, id: 0, name: 'key', role: null, scopes },
    headers: async () => h.key(...scopes),
  })),
];

/** undefined: the answer is a stream that has no end */
async function statusOf(
  method: Method,
  url: string,
  headers: Record<string, string>,
): Promise<number | undefined> {
  const abort = new AbortController();
  const path = url.replace(/:\w+/g, '999999').replace('*', '');
  const answer = h.admin.inject({ method, url: path, headers, signal: abort.signal }).then(
    (response) => response.statusCode,
    () => undefined,
  );
  if (url !== '/api/v1/events') return answer;
  const opened = new Promise<undefined>((resolve) => {
    const look = () => (h.live.wants('campaign') ? resolve(undefined) : setImmediate(look));
    look();
  });
  const status = await Promise.race([answer, opened]);
  abort.abort();
  await answer;
  return status;
}

test('every entry of the table is a route, and its HEAD asks for the same', () => {
  const missing = routes
    .filter(({ method, url }) => !h.admin.hasRoute({ method, url }))
    .map(({ key }) => key);
  // registered under names of their own
  expect(missing.filter((key) => !['GET /api/docs/*', 'GET /*'].includes(key))).toEqual([]);
});

test.each(routes)('$key needs $permission', async ({ method, url, permission }) => {
  for (const { name, actor, headers } of actors) {
    const status = await statusOf(method, url, await headers());
    const expected = decide(permission as Permission, actor);
    if (expected === 'not-logged-in') expect(status, name).toBe(401);
    else if (expected === 'forbidden') expect(status, name).toBe(403);
    else {
      expect([401, 403], name).not.toContain(status);
      expect(status ?? 200, name).toBeLessThan(url === '/' ? 504 : 500);
    }
  }
});

test('an approver sends but does not write, an editor writes but does not send', () => {
  expect(ROLE_SCOPES.approver).toContain('campaigns:send');
  expect(ROLE_SCOPES.approver.filter((scope) => scope.endsWith(':write'))).toEqual([]);
  expect(ROLE_SCOPES.editor).not.toContain('campaigns:send');
  expect(ROLE_SCOPES.viewer.every((scope) => scope.endsWith(':read'))).toBe(true);
});
