import { expect, test } from 'vitest';
import type { Actor } from '../deps.ts';
import { decide, isSameOrigin, permissionOf } from './guard.ts';

const user: Actor = { kind: 'user', id: 1, name: 'u', role: 'viewer', scopes: ['reports:read'] };
const key: Actor = { kind: 'key', id: 1, name: 'k', role: null, scopes: ['reports:read'] };

test.each([
  ['public', null, undefined],
  ['public', user, undefined],
  ['any', null, 'not-logged-in'],
  ['any', user, undefined],
  ['any', key, undefined],
  ['session', null, 'not-logged-in'],
  ['session', user, undefined],
  ['session', key, 'forbidden'],
  ['reports:read', null, 'not-logged-in'],
  ['reports:read', user, undefined],
  ['reports:read', key, undefined],
  ['users:manage', user, 'forbidden'],
  ['users:manage', key, 'forbidden'],
] as const)('%s for %j: %s', (permission, actor, expected) => {
  expect(decide(permission, actor)).toBe(expected);
});

test.each([
  ['GET', '/healthz', 'public'],
  ['HEAD', '/metrics', 'metrics:read'],
  ['GET', '/api/docs/static/swagger-ui.css', 'any'],
  ['POST', '/api/docs/x', undefined],
  ['GET', '/api/v1/lists/:id/unheard-of', undefined],
  ['OPTIONS', '/healthz', undefined],
  ['GET', '/constructor', undefined],
])('%s %s needs %s', (method, url, expected) => {
  expect(permissionOf(method, url)).toBe(expected);
});

test.each([
  // not a browser: it cannot be made to send somebody's cookie
  ['POST', 'lan:8080', {}, true],
  ['POST', 'lan:8080', { 'sec-fetch-site': 'same-origin' }, true],
  ['POST', 'lan:8080', { 'sec-fetch-site': 'none' }, true],
  ['POST', 'lan:8080', { 'sec-fetch-site': 'same-site' }, false],
  ['POST', 'lan:8080', { 'sec-fetch-site': 'cross-site' }, false],
  // the browser's word counts more than a name that a proxy has changed
  ['POST', 'inside:8080', { 'sec-fetch-site': 'same-origin', origin: 'https://outside' }, true],
  ['POST', 'lan:8080', { origin: 'http://lan:8080' }, true],
  // the public port of the same host is the same site, so the cookie's SameSite would not help
  ['POST', 'lan:8080', { origin: 'http://lan:8081' }, false],
  ['DELETE', 'lan:8080', { origin: 'http://evil.example' }, false],
  ['PATCH', 'lan:8080', { origin: 'null' }, false],
  ['POST', 'lan:80', { origin: 'http://lan' }, true],
  ['POST', 'lan:443', { origin: 'https://lan' }, true],
  ['POST', 'lan', { origin: 'http://LAN' }, true],
  ['GET', 'lan:8080', { origin: 'http://evil.example', 'sec-fetch-site': 'cross-site' }, true],
  ['HEAD', 'lan:8080', { origin: 'http://evil.example' }, true],
])('%s to %s with %j: %s', (method, host, headers, expected) => {
  expect(isSameOrigin({ method, host, headers })).toBe(expected);
});
