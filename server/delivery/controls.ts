/** What operators order (pause, bounce, reroute, retry) and back-offs that they lift. The MTA obeys; here it is checked and kept. */
import { inArray } from 'drizzle-orm';
import type { ControlInput, Throttle } from '../../mta/index.ts';
import { campaigns, ipPools, routes } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { AppError, invalid } from '../errors.ts';
import { iso, isoOrNull, readTime } from '../schemas.ts';
import { checkScope } from './control-scope.ts';
import type { QueueControl, QueueControlCreate } from './schemas.ts';

type Context = Pick<Deps, 'db' | 'spool'>;

/** Newest first, with the names of what they are about. */
export function listControls({ db, spool }: Context): QueueControl[] {
  const controls = spool.controls();
  if (controls.length === 0) return [];
  const jobIds = controls.filter(({ scope }) => scope === 'job').map(({ value }) => Number(value));
  const byJob = new Map(
    db
      .select({ id: campaigns.id, name: campaigns.name, jobId: campaigns.jobId })
      .from(campaigns)
      .where(inArray(campaigns.jobId, jobIds))
      .all()
      .map((campaign) => [campaign.jobId, campaign]),
  );
  const names = {
    route: new Map(
      db
        .select({ id: routes.id, name: routes.match })
        .from(routes)
        .all()
        .map(({ id, name }) => [id, name]),
    ),
    pool: new Map(
      db
        .select({ id: ipPools.id, name: ipPools.name })
        .from(ipPools)
        .all()
        .map(({ id, name }) => [id, name]),
    ),
  };
  return controls.map((control): QueueControl => {
    const { scope, value, routeId, poolId, createdAt, until, ...rest } = control;
    const campaign = scope === 'job' ? byJob.get(Number(value)) : undefined;
    return {
      ...rest,
      scope: scope === 'job' ? 'campaign' : scope,
      value: scope === 'job' ? '' : value,
      campaignId: campaign?.id ?? null,
      campaignName: campaign?.name ?? null,
      routeId,
      poolId,
      targetName:
        (routeId === null ? undefined : names.route.get(routeId)) ??
        (poolId === null ? undefined : names.pool.get(poolId)) ??
        null,
      createdAt: iso(createdAt),
      until: isoOrNull(until),
    };
  });
}

/**
 * Durable when it returns; the MTA is told.
 * @throws AppError `value-invalid` with the field, `not-found`, `wrong-state` for a campaign that has no mail queued
 */
export function addControl(
  deps: Context & Pick<Deps, 'mta'>,
  body: QueueControlCreate,
  by: string,
  now: number,
): QueueControl {
  const input: ControlInput = {
    ...checkScope(deps, body),
    action: body.action,
    ...checkTarget(deps, body),
    reason: body.reason?.trim() ?? '',
    by,
    until: checkUntil(body, now),
  };
  const id = deps.spool.addControl(input);
  deps.mta.send({ type: 'control' });
  return listControls(deps).find((control) => control.id === id)!;
}

/** @throws AppError `not-found` */
export function removeControl(deps: Context & Pick<Deps, 'mta'>, id: number): QueueControl {
  const control = listControls(deps).find((each) => each.id === id);
  if (!control || !deps.spool.removeControl(id)) throw new AppError('not-found', `There is no order ${id}`);
  deps.mta.send({ type: 'control' });
  return control;
}

/** Lets mail flow again before its time. @throws AppError `not-found` */
export function liftThrottle(deps: Pick<Deps, 'spool' | 'mta'>, id: number): Throttle {
  const throttle = deps.spool.throttles().find((each) => each.id === id);
  if (!throttle || !deps.spool.liftThrottle(id))
    throw new AppError('not-found', `There is no back-off ${id}; it may be over`);
  deps.mta.send({ type: 'control' });
  return throttle;
}

/** A reroute names one way; nothing else names any. */
function checkTarget(
  { db }: Pick<Deps, 'db'>,
  { action, routeId, poolId }: QueueControlCreate,
): Pick<ControlInput, 'routeId' | 'poolId'> {
  if (action !== 'reroute') {
    if (routeId !== undefined) throw invalid('/routeId', 'value-invalid', 'belongs to reroute only', routeId);
    if (poolId !== undefined) throw invalid('/poolId', 'value-invalid', 'belongs to reroute only', poolId);
    return {};
  }
  if (routeId === undefined && poolId === undefined)
    throw invalid('/routeId', 'required', 'or poolId: reroute needs one of them');
  if (routeId !== undefined && poolId !== undefined)
    throw invalid('/poolId', 'value-invalid', 'and routeId: reroute takes one of them', poolId);
  if (routeId !== undefined) {
    const ids = db.select({ id: routes.id }).from(routes).all();
    if (!ids.some(({ id }) => id === routeId))
      throw invalid('/routeId', 'not-found', `names route ${routeId}, which does not exist`, routeId);
    return { routeId };
  }
  const ids = db.select({ id: ipPools.id }).from(ipPools).all();
  if (!ids.some(({ id }) => id === poolId))
    throw invalid('/poolId', 'not-found', `names IP pool ${poolId}, which does not exist`, poolId);
  return { poolId };
}

function checkUntil({ action, until, minutes }: QueueControlCreate, now: number): number | undefined {
  const holds = action === 'pause' || action === 'reroute';
  if (until === undefined && minutes === undefined) return undefined;
  const [pointer, value] = until === undefined ? ['/minutes', minutes] : ['/until', until];
  if (!holds)
    throw invalid(pointer, 'value-invalid', `does not belong to ${action}, which is done once`, value);
  if (until === undefined) return now + minutes! * 60_000;
  if (minutes !== undefined)
    throw invalid('/minutes', 'value-invalid', 'and until: give one of them', minutes);
  const at = readTime(until, '/until');
  if (at <= now) throw invalid('/until', 'time-past', `is in the past: ${until}`, until);
  return at;
}
