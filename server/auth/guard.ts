/** Who may pass: the decision alone, so that it can be tested as a table. */
import type { Actor } from '../deps.ts';
import type { ErrorCode } from '../errors.ts';
import { type Permission, ROUTES } from './permissions.ts';

/** undefined: pass; else the error to answer with. */
export function decide(permission: Permission, actor: Actor | null): ErrorCode | undefined {
  if (permission === 'public') return undefined;
  if (!actor) return 'not-logged-in';
  if (permission === 'any') return undefined;
  if (permission === 'session') return actor.kind === 'user' ? undefined : 'forbidden';
  return actor.scopes.includes(permission) ? undefined : 'forbidden';
}

/**
 * What a registered route asks for. HEAD asks for what its GET does; the docs are many files under one entry.
 * Undefined: the route is in no table and must not exist.
 */
export function permissionOf(method: string, url: string): Permission | undefined {
  const verb = method === 'HEAD' ? 'GET' : method;
  const path = url.startsWith('/api/docs/') ? '/api/docs/*' : url;
  const key = `${verb} ${path}`;
  return Object.hasOwn(ROUTES, key) ? ROUTES[key] : undefined;
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Cross-site request forgery: may a browser's request that would be carried by a cookie have this effect?
 *
 * No token is needed. A browser tells where a request comes from: in Sec-Fetch-Site (on https and localhost), and in
 * Origin with every unsafe request (everywhere); pages can forge neither. The cookie is SameSite=Strict besides, but
 * that alone is not enough, because another port of this host is the same site. A client that sends neither header
 * is no browser, and nobody can make it send somebody else's cookie.
 */
export function isSameOrigin(request: {
  method: string;
  /** host and port as the client sees us */
  host: string;
  headers: { origin?: string | undefined; 'sec-fetch-site'?: string | string[] | undefined };
}): boolean {
  if (SAFE.has(request.method)) return true;
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  const { origin } = request.headers;
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === normalHost(origin, request.host);
}

/** `Host: example.com:80` and `Origin: http://example.com` are the same place: let URL drop the default port. */
function normalHost(origin: string, host: string): string | undefined {
  const url = `${new URL(origin).protocol}//${host}`;
  return URL.canParse(url) ? new URL(url).host : undefined;
}
