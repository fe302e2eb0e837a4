/** Sets `request.actor` and stops whoever may not pass, before a body is read. */
import cookie from '@fastify/cookie';
import type { FastifyRequest } from 'fastify';
import type { Actor, App, Db } from '../deps.ts';
import { AppError } from '../errors.ts';
import { decide, isSameOrigin, permissionOf } from './guard.ts';
import { KeyLookup } from './keys.ts';
import { type Permission, ROLE_SCOPES } from './permissions.ts';
import { SESSION_COOKIE, type Sessions } from './sessions.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** set by the onRoute hook from auth/permissions.ts */
    permission?: Permission;
  }
  interface FastifyRequest {
    /** fingerprint of the session's cookie, '' for API keys and strangers */
    sessionHash: string;
  }
}

/** Must be called before any route is registered. */
export async function useAuth(app: App, db: Db, sessions: Sessions): Promise<void> {
  const keys = new KeyLookup(db);
  await app.register(cookie);
  app.decorateRequest('sessionHash', '');

  app.addHook('onRoute', (route) => {
    const methods = Array.isArray(route.method) ? route.method : [route.method];
    for (const method of methods) {
      const permission = permissionOf(method, route.url);
      if (!permission) throw new Error(`${method} ${route.url} has no entry in auth/permissions.ts`);
      route.config = { ...route.config, permission };
    }
  });

  app.addHook('onRequest', async (request) => {
    // An unknown path is answered 404 to everybody: it tells nothing.
    const permission = request.is404 ? 'public' : request.routeOptions.config.permission;
    if (!permission)
      throw new Error(`${request.method} ${request.routeOptions.url} was registered without a permission`);
    const bearer = bearerOf(request);
    if (bearer === undefined && !isSameOrigin(request)) throw new AppError('csrf-failed');
    if (permission === 'public') return;
    request.actor = bearer === undefined ? fromCookie(request) : fromKey(bearer);
    const refusal = decide(permission, request.actor);
    if (refusal === 'forbidden') throw new AppError('forbidden', `This needs ${permission}`);
    if (refusal) throw new AppError(refusal);
  });

  function fromKey(key: string): Actor | null {
    const found = keys.find(key, Date.now());
    return found ? { kind: 'key', id: found.id, name: found.name, role: null, scopes: found.scopes } : null;
  }

  function fromCookie(request: FastifyRequest): Actor | null {
    const token = request.cookies[SESSION_COOKIE];
    const user = token ? sessions.find(token, Date.now()) : undefined;
    if (!user) return null;
    request.sessionHash = user.tokenHash;
    return {
      kind: 'user',
      id: user.userId,
      name: user.name,
      role: user.role,
      scopes: ROLE_SCOPES[user.role],
    };
  }
}

/** undefined: no Authorization header. Any other scheme than Bearer counts as a wrong key, never as no login. */
function bearerOf(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization;
  if (header === undefined) return undefined;
  return /^Bearer +(\S+)$/i.exec(header)?.[1] ?? '';
}
