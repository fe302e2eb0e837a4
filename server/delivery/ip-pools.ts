/** IP pools: named groups of weighted sources. What belongs to an address (EHLO name, warm-up) is kept once, for all pools. */

import { and, asc, eq, inArray } from 'drizzle-orm';
import type { Static } from 'typebox';
import { DELIVERY_CLASSES, type MtaStatus, WARM_UP_PLAN } from '../../mta/index.ts';
import { campaigns, ipPools, ipSources, sendingDomains } from '../db/schema.ts';
import type { Db, Deps } from '../deps.ts';
import { AppError, invalid } from '../errors.ts';
import { iso } from '../schemas.ts';
import { readSettings } from '../settings/settings.ts';
import { showSource } from './queue-view.ts';
import type { IpPool, IpPoolCreate, IpPoolPatch, PoolSource } from './schemas.ts';
import { type CheckedSource, checkAddress, checkSources, type SourceRow } from './source-input.ts';

type Row = typeof ipPools.$inferSelect;
type Context = Pick<Deps, 'db' | 'config' | 'spool' | 'mta'>;

export function listPools(context: Context): IpPool[] {
  const rows = context.db.select().from(ipPools).orderBy(asc(ipPools.name)).all();
  return rows.map((row) => show(context, row));
}

/** @throws AppError `not-found` */
export function getPool(context: Context, id: number): IpPool {
  return show(context, find(context.db, id));
}

/** @throws AppError `value-invalid`, `already-exists` */
export function createPool(context: Context, body: Static<typeof IpPoolCreate>, now: number): IpPool {
  const { db } = context;
  const row = db.transaction(
    () => {
      const name = checkName(db, body.name, undefined);
      const sources = checkSources(body.sources, known(db, undefined), now);
      const made = db
        .insert(ipPools)
        .values({ name, sources: members(sources) })
        .returning()
        .get();
      keepSources(db, sources);
      return made;
    },
    { behavior: 'immediate' },
  );
  return show(context, row);
}

/** @throws AppError `not-found`, `value-invalid`, `already-exists` */
export function patchPool(
  context: Context,
  id: number,
  body: Static<typeof IpPoolPatch>,
  now: number,
): IpPool {
  const { db } = context;
  const row = db.transaction(
    () => {
      const before = find(db, id);
      const name = body.name === undefined ? before.name : checkName(db, body.name, id);
      const sources = body.sources && checkSources(body.sources, known(db, before), now);
      const changed = db
        .update(ipPools)
        .set({ name, sources: sources ? members(sources) : before.sources, updatedAt: now })
        .where(eq(ipPools.id, id))
        .returning()
        .get()!;
      if (sources) keepSources(db, sources);
      return changed;
    },
    { behavior: 'immediate' },
  );
  return show(context, row);
}

/**
 * Drafts and finished campaigns that name it name none afterwards.
 * @throws AppError `not-found`, or `conflict` with all who use it
 */
export function deletePool(context: Context, id: number): IpPool {
  const { db } = context;
  const pool = getPool(context, id);
  const users = usersOf(pool);
  if (users.length > 0) {
    throw new AppError(
      'conflict',
      `IP pool ${pool.name} is used by ${users.map(({ message }) => message).join(', ')}`,
      users,
    );
  }
  db.transaction(
    () => {
      db.delete(ipPools).where(eq(ipPools.id, id)).run();
      keepSources(db, []);
    },
    { behavior: 'immediate' },
  );
  return pool;
}

/**
 * The source starts its warm-up anew today, with one provider or with all; one that does not warm up begins to.
 * @throws AppError `not-found`
 */
export function resetWarmUp(
  context: Context,
  id: number,
  typedAddress: string,
  provider: string | undefined,
  now: number,
): IpPool {
  const { db, spool, mta } = context;
  const pool = find(db, id);
  const address = checkAddress(typedAddress, '/address');
  if (!pool.sources.some((source) => source.address === address))
    throw new AppError('not-found', `There is no source ${address} in IP pool ${pool.name}`);
  const source = db.select().from(ipSources).where(eq(ipSources.address, address)).get()!;
  // With all providers the start moves as well: what was sent before it counts for nothing.
  if (provider === undefined || source.warmUp === null) {
    const warmUp = { ...source.warmUp, startedAt: now };
    db.update(ipSources).set({ warmUp }).where(eq(ipSources.address, address)).run();
  }
  spool.resetWarmUp(address, provider);
  mta.send({ type: 'control' });
  return show(context, pool);
}

function find(db: Db, id: number): Row {
  const row = db.select().from(ipPools).where(eq(ipPools.id, id)).get();
  if (!row) throw new AppError('not-found', `There is no IP pool ${id}`);
  return row;
}

function checkName(db: Db, typed: string, id: number | undefined): string {
  const name = typed.trim();
  if (name === '') throw invalid('/name', 'empty', 'must not be empty', typed);
  const other = db.select({ id: ipPools.id }).from(ipPools).where(eq(ipPools.name, name)).get();
  if (!other || other.id === id) return name;
  throw new AppError('already-exists', `There is already an IP pool ${name}`, [
    { pointer: '/name', code: 'already-exists', message: 'There is already one of this name', value: name },
  ]);
}

function known(db: Db, own: Row | undefined) {
  const rows = new Map<string, SourceRow>(
    db
      .select()
      .from(ipSources)
      .all()
      .map((row) => [row.address, row]),
  );
  return {
    rows,
    own: new Set(own?.sources.map(({ address }) => address)),
    poolOf: (address: string): string =>
      db
        .select()
        .from(ipPools)
        .all()
        .find(({ sources }) => sources.some((source) => source.address === address))?.name ?? '',
  };
}

const members = (sources: readonly CheckedSource[]): Row['sources'] =>
  sources.map(({ address, weight }) => ({ address, weight }));

/** Writes what belongs to the addresses, and forgets those that are in no pool any more. */
function keepSources(db: Db, sources: readonly CheckedSource[]): void {
  for (const { address, ehlo, warmUp } of sources) {
    db.insert(ipSources)
      .values({ address, ehlo, warmUp })
      .onConflictDoUpdate({ target: ipSources.address, set: { ehlo, warmUp } })
      .run();
  }
  const used = new Set(
    db
      .select({ sources: ipPools.sources })
      .from(ipPools)
      .all()
      .flatMap((pool) => pool.sources.map(({ address }) => address)),
  );
  for (const { address } of db.select({ address: ipSources.address }).from(ipSources).all())
    if (!used.has(address)) db.delete(ipSources).where(eq(ipSources.address, address)).run();
}

function usersOf({
  usedBy,
}: IpPool): { pointer: string; code: 'in-use'; message: string; value: number | string }[] {
  const user = (message: string, value: number | string) => ({
    pointer: '/id',
    code: 'in-use' as const,
    message,
    value,
  });
  return [
    ...usedBy.campaigns.map(({ id, name }) => user(`campaign ${id} (${name})`, id)),
    ...usedBy.sendingDomains.map(({ domain }) => user(`sending domain ${domain}`, domain)),
    ...usedBy.classes.map((name) => user(`${name} mail (settings, classPools)`, name)),
    ...usedBy.controls.map((id) => user(`order ${id}, which reroutes mail to it`, id)),
  ];
}

function usedBy({ db, config, spool }: Context, id: number): IpPool['usedBy'] {
  const { classPools } = readSettings(db, config);
  return {
    campaigns: db
      .select({ id: campaigns.id, name: campaigns.name })
      .from(campaigns)
      .where(and(eq(campaigns.poolId, id), inArray(campaigns.state, ['scheduled', 'sending', 'paused'])))
      .orderBy(asc(campaigns.id))
      .all(),
    sendingDomains: db
      .select({ id: sendingDomains.id, domain: sendingDomains.domain })
      .from(sendingDomains)
      .where(eq(sendingDomains.poolId, id))
      .orderBy(asc(sendingDomains.domain))
      .all(),
    classes: DELIVERY_CLASSES.filter((name) => classPools[name] === id),
    controls: spool
      .controls()
      .filter(({ poolId, state }) => poolId === id && state === 'active')
      .map((control) => control.id),
  };
}

function show(context: Context, row: Row): IpPool {
  const { db, mta } = context;
  const addresses = row.sources.map(({ address }) => address);
  const kept = new Map(
    db
      .select()
      .from(ipSources)
      .where(inArray(ipSources.address, addresses))
      .all()
      .map((source) => [source.address, source]),
  );
  const status = new Map((mta.status()?.sources ?? []).map((source) => [source.address, source]));
  return {
    id: row.id,
    name: row.name,
    sources: row.sources.map(({ address, weight }): PoolSource => {
      const { ehlo, warmUp } = kept.get(address)!;
      return { address, ehlo, weight, warmUp: showWarmUp(warmUp), live: live(status.get(address)) };
    }),
    usedBy: usedBy(context, row.id),
    createdAt: iso(row.createdAt),
    updatedAt: iso(row.updatedAt),
  };
}

function showWarmUp(warmUp: SourceRow['warmUp']): PoolSource['warmUp'] {
  if (!warmUp) return null;
  const { startedAt, plan } = warmUp;
  return { startedAt: iso(startedAt), plan: plan ?? [...WARM_UP_PLAN], ownPlan: plan !== undefined };
}

function live(status: MtaStatus['sources'][number] | undefined): PoolSource['live'] {
  if (!status) return null;
  const { address: _, ehlo: __, ...rest } = showSource(status);
  return rest;
}
