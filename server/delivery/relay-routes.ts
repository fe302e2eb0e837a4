/** Routes: which mail goes to which relay instead of to the MX of its domain. */

import { asc, eq } from 'drizzle-orm';
import ipaddr from 'ipaddr.js';
import type { Static } from 'typebox';
import { checkRouteMatch, type RelayHost, type RelayStatus } from '../../mta/index.ts';
import { routes } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { AppError, invalid } from '../errors.ts';
import { iso, isoOrNull } from '../schemas.ts';
import { checkPrivateKey, describeCertificate, readCertificates } from './certificates.ts';
import type { RelayInput, Route, RouteCreate, RoutePatch } from './schemas.ts';

type Row = typeof routes.$inferSelect;
type Context = Pick<Deps, 'db' | 'mta'>;

export function listRoutes({ db, mta }: Context): Route[] {
  return db
    .select()
    .from(routes)
    .orderBy(asc(routes.match))
    .all()
    .map((row) => show({ mta }, row));
}

/** @throws AppError `value-invalid`, `already-exists` */
export function createRoute({ db, mta }: Context, body: Static<typeof RouteCreate>): Route {
  const match = checkMatch(body.match);
  refuseTwice({ db }, match, undefined);
  const row = db
    .insert(routes)
    .values({ match, relay: checkRelay(body.relay ?? [], []) })
    .returning()
    .get();
  return show({ mta }, row);
}

/**
 * `relay` replaces all hosts; one that is named with host, port and user as before and without a password keeps it
 * (passwords are never answered, so a form cannot send them back). An empty password removes it. In the same way a client
 * certificate that is left out stays, and one without its key keeps the key; null removes it.
 * @throws AppError `not-found`, `value-invalid`, `already-exists`
 */
export function patchRoute({ db, mta }: Context, id: number, body: Static<typeof RoutePatch>): Route {
  const before = find({ db }, id);
  const match = body.match === undefined ? before.match : checkMatch(body.match);
  refuseTwice({ db }, match, id);
  const relay = body.relay === undefined ? before.relay : checkRelay(body.relay, before.relay);
  return show(
    { mta },
    db
      .update(routes)
      .set({ match, relay, updatedAt: Date.now() })
      .where(eq(routes.id, id))
      .returning()
      .get()!,
  );
}

/** @throws AppError `not-found`, `conflict` while mail is rerouted to it */
export function deleteRoute({ db, mta, spool }: Context & Pick<Deps, 'spool'>, id: number): Route {
  const row = find({ db }, id);
  const order = spool.controls().find(({ routeId, state }) => routeId === id && state === 'active');
  if (order) throw new AppError('conflict', `Order ${order.id} sends mail by this route: take it back first`);
  db.delete(routes).where(eq(routes.id, id)).run();
  return show({ mta }, row);
}

function find({ db }: Pick<Deps, 'db'>, id: number): Row {
  const row = db.select().from(routes).where(eq(routes.id, id)).get();
  if (!row) throw new AppError('not-found', `There is no route ${id}`);
  return row;
}

function refuseTwice({ db }: Pick<Deps, 'db'>, match: string, id: number | undefined): void {
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
  const seen = new Map<string, number>();
  return hosts.map((input, index) => {
    const pointer = `/relay/${index}`;
    const { password: given, clientCertificate, ...rest } = input;
    const host = checkHost(input.host, `${pointer}/host`);
    // Its health, limits and share are kept by host and port.
    const twice = seen.get(`${host} ${input.port}`);
    if (twice !== undefined)
      throw invalid(
        `${pointer}/host`,
        'already-exists',
        `is the same relay as number ${twice + 1}: ${host}:${input.port}`,
        input.host,
      );
    seen.set(`${host} ${input.port}`, index);
    const user = input.user?.trim() || undefined;
    const sameHost = before.filter((old) => old.host === host && old.port === input.port);
    const same = sameHost.find((old) => old.user === user);
    const password = (given ?? same?.password) || undefined;
    if ((user === undefined) !== (password === undefined)) {
      throw new AppError('value-invalid', 'A relay takes a user and a password, or neither', [
        {
          pointer: `${pointer}/${user === undefined ? 'user' : 'password'}`,
          code: 'login-incomplete',
          message: 'Give both a user and a password, or neither',
        },
      ]);
    }
    if (input.ca !== undefined) readCertificates(input.ca, `${pointer}/ca`);
    const kept = (same ?? sameHost[0])?.clientCertificate;
    return {
      ...rest,
      host,
      user,
      password,
      clientCertificate: checkClientCertificate(clientCertificate, kept, input.tls, pointer),
    };
  });
}

function checkClientCertificate(
  input: RelayInput['clientCertificate'],
  kept: RelayHost['clientCertificate'],
  tls: RelayInput['tls'],
  relay: string,
): RelayHost['clientCertificate'] {
  if (input === null) return undefined;
  if (input === undefined) return kept;
  const pointer = `${relay}/clientCertificate`;
  if (tls === 'none') throw invalid(`${relay}/tls`, 'value-invalid', 'none shows no certificate', tls);
  const [certificate] = readCertificates(input.cert, `${pointer}/cert`);
  const key = input.key ?? kept?.key;
  if (key === undefined) throw invalid(`${pointer}/key`, 'required', 'of the certificate is missing');
  return { cert: input.cert, key: checkPrivateKey(key, certificate!, `${pointer}/key`) };
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

function show({ mta }: Pick<Deps, 'mta'>, row: Row): Route {
  const health = mta.status()?.relays.filter(({ routeId }) => routeId === row.id) ?? [];
  return {
    id: row.id,
    match: row.match,
    relay: row.relay.map(({ password, clientCertificate, ...relay }) => ({
      ...relay,
      hasPassword: password !== undefined,
      caCertificates:
        relay.ca === undefined ? [] : readCertificates(relay.ca, '/ca').map(describeCertificate),
      clientCertificate: clientCertificate
        ? {
            pem: clientCertificate.cert,
            ...describeCertificate(readCertificates(clientCertificate.cert, '/clientCertificate')[0]!),
          }
        : null,
      health: healthOf(health.find(({ host, port }) => host === relay.host && port === relay.port)),
    })),
    createdAt: iso(row.createdAt),
    updatedAt: iso(row.updatedAt),
  };
}

function healthOf(status: RelayStatus | undefined): Route['relay'][number]['health'] {
  if (!status) return null;
  const { state, error, connections, perSecond } = status;
  return {
    state,
    error,
    connections,
    perSecond,
    since: iso(status.since),
    checkedAt: isoOrNull(status.checkedAt),
  };
}
