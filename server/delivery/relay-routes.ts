/** Routes: which mail goes to which relay instead of to the MX of its domain. */
import { asc, eq } from 'drizzle-orm';
import ipaddr from 'ipaddr.js';
import type { Static } from 'typebox';
import { checkRouteMatch } from '../../mta/index.ts';
import { routes } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { AppError } from '../errors.ts';
import type { Route, RouteCreate, RoutePatch } from './schemas.ts';

type Row = typeof routes.$inferSelect;
type RelayInput = NonNullable<Static<typeof RouteCreate>['relay']>[number];
type Context = Pick<Deps, 'db'>;

export function listRoutes({ db }: Context): Route[] {
  return db.select().from(routes).orderBy(asc(routes.match)).all().map(show);
}

/** @throws AppError `value-invalid`, `already-exists` */
export function createRoute({ db }: Context, body: Static<typeof RouteCreate>): Route {
  const match = checkMatch(body.match);
  refuseTwice({ db }, match, undefined);
  const row = db
    .insert(routes)
    .values({ match, relay: checkRelay(body.relay ?? [], []) })
    .returning()
    .get();
  return show(row);
}

/**
 * `relay` replaces all hosts; one that is named with host, port and user as before and without a password keeps it
 * (passwords are never answered, so a form cannot send them back). An empty password removes it.
 * @throws AppError `not-found`, `value-invalid`, `already-exists`
 */
export function patchRoute({ db }: Context, id: number, body: Static<typeof RoutePatch>): Route {
  const before = find({ db }, id);
  const match = body.match === undefined ? before.match : checkMatch(body.match);
  refuseTwice({ db }, match, id);
  const relay = body.relay === undefined ? before.relay : checkRelay(body.relay, before.relay);
  return show(
    db
      .update(routes)
      .set({ match, relay, updatedAt: Date.now() })
      .where(eq(routes.id, id))
      .returning()
      .get()!,
  );
}

/** @throws AppError `not-found` */
export function deleteRoute({ db }: Context, id: number): Route {
  const row = find({ db }, id);
  db.delete(routes).where(eq(routes.id, id)).run();
  return show(row);
}

function find({ db }: Context, id: number): Row {
  const row = db.select().from(routes).where(eq(routes.id, id)).get();
  if (!row) throw new AppError('not-found', `There is no route ${id}`);
  return row;
}

function refuseTwice({ db }: Context, match: string, id: number | undefined): void {
  const other = db.select({ id: routes.id }).from(routes).where(eq(routes.match, match)).get();
  if (!other || other.id === id) return;
  throw new AppError('already-exists', `There is already a route for ${match}`, [
    { pointer: '/match', code: 'already-exists', message: 'There is already a route for it', value: match },
  ]);
}

function checkMatch(typed: string): string {
  const checked = checkRouteMatch(typed);
  if (checked.ok) return checked.match;
  throw new AppError('value-invalid', checked.message, [
    { pointer: '/match', code: 'match', message: checked.message, value: typed },
  ]);
}

function checkRelay(hosts: RelayInput[], before: Row['relay']): Row['relay'] {
  return hosts.map((input, index) => {
    const { password: given, ...rest } = input;
    const host = checkHost(input.host, `/relay/${index}/host`);
    const user = input.user?.trim() || undefined;
    const kept = before.find(
      (old) => old.host === host && old.port === input.port && old.user === user,
    )?.password;
    const password = (given ?? kept) || undefined;
    if ((user === undefined) !== (password === undefined)) {
      throw new AppError('value-invalid', 'A relay takes a user and a password, or neither', [
        {
          pointer: `/relay/${index}/${user === undefined ? 'user' : 'password'}`,
          code: 'login-incomplete',
          message: 'Give both a user and a password, or neither',
        },
      ]);
    }
    return { ...rest, host, user, password };
  });
}

const HOST =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?)*$/;

/** A host name (one label will do inside a company) or an address: a route may name loopback and private ones. */
function checkHost(typed: string, pointer: string): string {
  const host = typed
    .trim()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase();
  if (ipaddr.isValid(host) ? host.includes(':') || ipaddr.IPv4.isValidFourPartDecimal(host) : HOST.test(host))
    return host;
  throw new AppError('value-invalid', `${typed} is not a host name or IP address`, [
    { pointer, code: 'host', message: 'Give a host name or an IP address', value: typed },
  ]);
}

function show(row: Row): Route {
  return {
    id: row.id,
    match: row.match,
    relay: row.relay.map(({ password, ...host }) => ({ ...host, hasPassword: password !== undefined })),
    createdAt: new Date(row.createdAt).toISOString(),
    updatedAt: new Date(row.updatedAt).toISOString(),
  };
}
