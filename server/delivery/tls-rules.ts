/** TLS rules: an administrator's word about how mail for a domain is encrypted. */

import { asc, eq } from 'drizzle-orm';
import type { Static } from 'typebox';
import { checkRouteMatch } from '../../mta/index.ts';
import { tlsRules } from '../db/schema.ts';
import type { Db, Deps } from '../deps.ts';
import { AppError, invalid } from '../errors.ts';
import { iso } from '../schemas.ts';
import type { TlsRule, TlsRuleCreate, TlsRulePatch } from './schemas.ts';

type Row = typeof tlsRules.$inferSelect;
type Context = Pick<Deps, 'db'>;

export function listTlsRules({ db }: Context): TlsRule[] {
  return db.select().from(tlsRules).orderBy(asc(tlsRules.match)).all().map(show);
}

/** @throws AppError `value-invalid`, `already-exists` */
export function createTlsRule({ db }: Context, body: Static<typeof TlsRuleCreate>): TlsRule {
  const match = checkMatch(db, body.match, undefined);
  return show(db.insert(tlsRules).values({ match, mode: body.mode }).returning().get());
}

/** @throws AppError `not-found`, `value-invalid`, `already-exists` */
export function patchTlsRule({ db }: Context, id: number, body: Static<typeof TlsRulePatch>): TlsRule {
  const before = find(db, id);
  const match = body.match === undefined ? before.match : checkMatch(db, body.match, id);
  const set = { match, mode: body.mode ?? before.mode, updatedAt: Date.now() };
  return show(db.update(tlsRules).set(set).where(eq(tlsRules.id, id)).returning().get()!);
}

/** @throws AppError `not-found` */
export function deleteTlsRule({ db }: Context, id: number): TlsRule {
  const row = find(db, id);
  db.delete(tlsRules).where(eq(tlsRules.id, id)).run();
  return show(row);
}

function find(db: Db, id: number): Row {
  const row = db.select().from(tlsRules).where(eq(tlsRules.id, id)).get();
  if (!row) throw new AppError('not-found', `There is no TLS rule ${id}`);
  return row;
}

function checkMatch(db: Db, typed: string, id: number | undefined): string {
  const checked = checkRouteMatch(typed);
  if (!checked.ok) throw invalid('/match', 'match', checked.message, typed);
  const other = db.select().from(tlsRules).where(eq(tlsRules.match, checked.match)).get();
  if (!other || other.id === id) return checked.match;
  throw new AppError('already-exists', `There is already a TLS rule for ${checked.match}`, [
    { pointer: '/match', code: 'already-exists', message: 'There is already a rule for it', value: typed },
  ]);
}

const show = ({ id, match, mode, createdAt, updatedAt }: Row): TlsRule => ({
  id,
  match,
  mode,
  createdAt: iso(createdAt),
  updatedAt: iso(updatedAt),
});
