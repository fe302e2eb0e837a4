/** Login and logout, users, API keys. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Actor, Deps, Routes } from '../deps.ts';
import { AppError } from '../errors.ts';
import type { LiveHub } from '../live.ts';
import { IdParams } from '../schemas.ts';
import { readSettings } from '../settings/settings.ts';
import { VERSION } from '../version.ts';
import { createKey, listKeys, revokeKey } from './keys.ts';
import { verifyPassword } from './passwords.ts';
import { ROLE_SCOPES, type Scope } from './permissions.ts';
import {
  ApiKey,
  ApiKeyCreate,
  ApiKeyCreated,
  LoginBody,
  Session,
  SessionPatch,
  User,
  UserCreate,
  UserPatch,
} from './schemas.ts';
import { SESSION_COOKIE, SESSION_MAX_MS, type Sessions } from './sessions.ts';
import { ACCOUNT_RULE, ADDRESS_RULE, Throttle } from './throttle.ts';
import {
  changeUser,
  checkCredentials,
  createUser,
  deleteUser,
  findUser,
  getUser,
  listUsers,
  normalizeEmail,
  noteLogin,
} from './users.ts';

const Items = <T extends Parameters<typeof Type.Array>[0]>(item: T) =>
  Type.Object({ items: Type.Array(item) });

export const sessionRoutes =
  (sessions: Sessions, live: LiveHub): Routes =>
  (app, deps) => {
    const byAccount = new Throttle(ACCOUNT_RULE);
    const byAddress = new Throttle(ADDRESS_RULE);

    app.post(
      '/api/v1/session',
      // A stranger may send this much and no more.
      { bodyLimit: 8192, schema: { summary: 'Log in', body: LoginBody, response: { 200: Session } } },
      async (request, reply) => {
        const email = normalizeEmail(request.body.email);
        const now = Date.now();
        const wait = Math.max(byAccount.retryAfter(email, now), byAddress.retryAfter(request.ip, now));
        slowDown(reply, wait);
        byAccount.begin(email, now);
        byAddress.begin(request.ip, now);
        const user = await checkCredentials(deps.db, email, request.body.password);
        if (!user) {
          // Not what was typed: people type their password there, too.
          const known = findUser(deps.db, email);
          deps.audit(request, 'session.refuse', known ? `user:${known.id}` : 'session');
          throw new AppError('wrong-credentials');
        }
        byAccount.clear(email);
        byAddress.succeed(request.ip, now);
        sessions.purge(now);
        // A new login never takes over an old cookie (session fixation).
        const token = sessions.create(user.id, request.ip, request.headers['user-agent'] ?? '', now);
        setCookie(request, reply, token, SESSION_MAX_MS / 1000);
        noteLogin(deps.db, user.id, now);
        request.actor = {
          kind: 'user',
          id: user.id,
          name: user.name,
          role: user.role,
          scopes: ROLE_SCOPES[user.role],
        };
        deps.audit(request, 'session.create', `user:${user.id}`);
        return describe(deps, user.id);
      },
    );

    app.get(
      '/api/v1/session',
      { schema: { summary: 'Who is logged in', response: { 200: Session } } },
      async (request) => describe(deps, request.actor!.id),
    );

    app.patch(
      '/api/v1/session',
      {
        schema: {
          summary: 'Change your own name, language or password',
          body: SessionPatch,
          response: { 200: Session },
        },
      },
      async (request, reply) => {
        const { id } = request.actor!;
        const { currentPassword, ...change } = request.body;
        if (change.password !== undefined) {
          // The same brake as for a login: a stolen session must not be a way to guess the password.
          const key = getUser(deps.db, id).email;
          const now = Date.now();
          slowDown(reply, byAccount.retryAfter(key, now));
          byAccount.begin(key, now);
          if ((await verifyPassword(currentPassword ?? '', getUser(deps.db, id).passwordHash)) === 'wrong') {
            throw new AppError('wrong-credentials', 'The current password is wrong', [
              { pointer: '/currentPassword', code: 'wrong-credentials', message: 'is wrong' },
            ]);
          }
          byAccount.clear(key);
        }
        await changeUser(deps.db, id, change);
        if (change.password !== undefined) {
          sessions.endAll(id, request.sessionHash);
          live.recheck();
        }
        deps.audit(request, 'user.change', `user:${id}`, { fields: Object.keys(change) });
        return describe(deps, id);
      },
    );

    app.delete(
      '/api/v1/session',
      { schema: { summary: 'Log out', response: { 204: Type.Null() } } },
      async (request, reply) => {
        sessions.end(request.sessionHash);
        live.recheck();
        setCookie(request, reply, '', 0);
        deps.audit(request, 'session.end', `user:${request.actor!.id}`);
        return reply.code(204).send(null);
      },
    );
  };

function slowDown(reply: FastifyReply, seconds: number): void {
  if (seconds === 0) return;
  reply.header('retry-after', seconds);
  throw new AppError('too-many-requests', `Too many wrong passwords. Try again in ${seconds} seconds`);
}

function setCookie(request: FastifyRequest, reply: FastifyReply, value: string, maxAge: number): void {
  reply.setCookie(SESSION_COOKIE, value, {
    path: '/',
    httpOnly: true,
    // Strict costs nothing here: the page itself needs no login, and its own requests carry the cookie.
    sameSite: 'strict',
    // On a LAN without TLS the browser would drop a Secure cookie.
    secure: request.protocol === 'https',
    maxAge,
  });
}

function describe(deps: Deps, userId: number): Session {
  const { id, email, name, role, language } = getUser(deps.db, userId);
  return {
    user: { id, email, name, role, language },
    scopes: [...ROLE_SCOPES[role]],
    delivery: readSettings(deps.db, deps.config).delivery.mode,
    version: VERSION,
  };
}

/** Nobody can hand out more than they have. */
function mayGrant(actor: Actor, scopes: readonly Scope[]): void {
  const missing = scopes.filter((scope) => !actor.scopes.includes(scope));
  if (missing.length > 0)
    throw new AppError('forbidden', `You cannot give what you do not have: ${missing.join(', ')}`);
}

export const userRoutes =
  (sessions: Sessions, live: LiveHub): Routes =>
  (app, deps) => {
    app.get(
      '/api/v1/users',
      { schema: { summary: 'List the users', response: { 200: Items(User) } } },
      async () => ({
        items: listUsers(deps.db),
      }),
    );

    app.post(
      '/api/v1/users',
      { schema: { summary: 'Add a user', body: UserCreate, response: { 201: User } } },
      async (request, reply) => {
        mayGrant(request.actor!, ROLE_SCOPES[request.body.role]);
        const user = await createUser(deps.db, request.body);
        deps.audit(request, 'user.create', `user:${user.id}`, { email: user.email, role: user.role });
        return reply.code(201).send(user);
      },
    );

    app.patch(
      '/api/v1/users/:id',
      { schema: { summary: 'Change a user', params: IdParams, body: UserPatch, response: { 200: User } } },
      async (request) => {
        const { id } = request.params;
        const change = request.body;
        const before = getUser(deps.db, id);
        // Whoever may change somebody stronger could take over their account.
        mayGrant(request.actor!, ROLE_SCOPES[before.role]);
        if (change.role) mayGrant(request.actor!, ROLE_SCOPES[change.role]);
        const user = await changeUser(deps.db, id, change);
        if (change.password !== undefined || user.disabled) {
          sessions.endAll(id, request.sessionHash);
          live.recheck();
        }
        if (user.role !== before.role) live.reconnect(id);
        const { password: _, ...rest } = change;
        deps.audit(request, 'user.change', `user:${id}`, { ...rest, fields: Object.keys(change) });
        return user;
      },
    );

    app.delete(
      '/api/v1/users/:id',
      { schema: { summary: 'Remove a user', params: IdParams, response: { 204: Type.Null() } } },
      async (request, reply) => {
        const { id } = request.params;
        mayGrant(request.actor!, ROLE_SCOPES[getUser(deps.db, id).role]);
        const user = deleteUser(deps.db, id);
        live.recheck();
        deps.audit(request, 'user.delete', `user:${id}`, { email: user.email });
        return reply.code(204).send(null);
      },
    );

    app.get(
      '/api/v1/api-keys',
      { schema: { summary: 'List the API keys', response: { 200: Items(ApiKey) } } },
      async () => ({
        items: listKeys(deps.db),
      }),
    );

    app.post(
      '/api/v1/api-keys',
      {
        schema: {
          summary: 'Make an API key; it is shown only now',
          body: ApiKeyCreate,
          response: { 201: ApiKeyCreated },
        },
      },
      async (request, reply) => {
        const actor = request.actor!;
        mayGrant(actor, request.body.scopes);
        const key = createKey(deps.db, {
          ...request.body,
          createdBy: actor.kind === 'user' ? actor.id : null,
        });
        deps.audit(request, 'api-key.create', `api-key:${key.id}`, { name: key.name, scopes: key.scopes });
        return reply.code(201).header('cache-control', 'no-store').send(key);
      },
    );

    app.delete(
      '/api/v1/api-keys/:id',
      { schema: { summary: 'Revoke an API key', params: IdParams, response: { 204: Type.Null() } } },
      async (request, reply) => {
        const key = revokeKey(deps.db, request.params.id, Date.now());
        deps.audit(request, 'api-key.revoke', `api-key:${key.id}`, { name: key.name });
        return reply.code(204).send(null);
      },
    );
  };
