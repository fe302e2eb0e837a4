/** Campaigns as they stand in todoke.db. */
import { and, desc, eq, getTableColumns, inArray, isNull, lt, or, sql } from 'drizzle-orm';
import { campaigns, ipPools } from '../db/schema.ts';
import type { Db } from '../deps.ts';
import { AppError } from '../errors.ts';
import { assertAllowed, type CampaignAction, type CampaignState } from './state.ts';

export type CampaignRow = typeof campaigns.$inferSelect;

/** Without the content, which may be a megabyte: for lists and live events. */
export type CampaignHead = Omit<CampaignRow, 'html' | 'text'>;
const { html: _html, text: _text, ...head } = getTableColumns(campaigns);

/** What an author writes; the rest of a row is the machine's. */
export type CampaignFields = Pick<
  CampaignRow,
  | 'name'
  | 'subject'
  | 'fromName'
  | 'fromAddress'
  | 'replyTo'
  | 'html'
  | 'text'
  | 'listIds'
  | 'trackOpens'
  | 'trackClicks'
  | 'poolId'
>;

export function findCampaign(db: Db, id: number): CampaignRow | undefined {
  return db.select().from(campaigns).where(eq(campaigns.id, id)).get();
}

/** @throws AppError `not-found` */
export function getCampaign(db: Db, id: number): CampaignRow {
  const row = findCampaign(db, id);
  if (!row) throw new AppError('not-found', `There is no campaign ${id}`);
  return row;
}

export function createCampaign(
  db: Db,
  fields: Partial<CampaignFields> & { name: string },
  createdBy: string,
): CampaignRow {
  return db
    .insert(campaigns)
    .values({ ...fields, createdBy })
    .returning()
    .get();
}

/**
 * Writes the given fields into a draft; the revision grows by one.
 * @throws AppError `not-found`, `wrong-state`, `revision-conflict`
 */
export function editCampaign(
  db: Db,
  id: number,
  fields: Partial<CampaignFields>,
  revision: number | undefined,
): CampaignRow {
  const row = getCampaign(db, id);
  assertAllowed(row.state, 'edit');
  if (revision !== undefined && revision !== row.revision) {
    throw new AppError(
      'revision-conflict',
      `Revision ${revision} was read, but the campaign is at ${row.revision}`,
      [
        {
          pointer: '/revision',
          code: 'revision-conflict',
          message: `The campaign is at revision ${row.revision}`,
          value: row.revision,
        },
      ],
    );
  }
  if (Object.keys(fields).length === 0) return row;
  return db
    .update(campaigns)
    .set({ ...fields, revision: row.revision + 1, updatedAt: Date.now() })
    .where(eq(campaigns.id, id))
    .returning()
    .get();
}

/**
 * Moves the campaign by an action, together with what the action sets. The state is checked again by the UPDATE, as
 * the worker may finish a campaign between the look and the write.
 * @throws AppError `wrong-state`
 */
export function moveCampaign(
  db: Db,
  row: CampaignRow,
  action: CampaignAction,
  to: CampaignState,
  set: Partial<CampaignRow> = {},
): CampaignRow {
  const moved = db
    .update(campaigns)
    .set({ ...set, state: to, updatedAt: Date.now() })
    .where(
      and(eq(campaigns.id, row.id), eq(campaigns.state, row.state), eq(campaigns.revision, row.revision)),
    )
    .returning()
    .get();
  if (moved) return moved;
  const present = getCampaign(db, row.id);
  assertAllowed(present.state, action);
  throw new AppError('revision-conflict', 'The campaign was changed at the same moment; try again');
}

/** Newest first. `beforeId` is the cursor; `q` is looked for in name and subject. */
export function listCampaigns(
  db: Db,
  filter: { state?: string | undefined; q?: string | undefined },
  beforeId: number | undefined,
  limit: number,
): CampaignHead[] {
  const pattern = filter.q?.trim() ? `%${filter.q.trim().replaceAll(/[\\%_]/g, '\\$&')}%` : undefined;
  return db
    .select(head)
    .from(campaigns)
    .where(
      and(
        filter.state ? eq(campaigns.state, filter.state as CampaignState) : undefined,
        pattern
          ? or(
              sql`${campaigns.name} LIKE ${pattern} ESCAPE '\\'`,
              sql`${campaigns.subject} LIKE ${pattern} ESCAPE '\\'`,
            )
          : undefined,
        beforeId === undefined ? undefined : lt(campaigns.id, beforeId),
      ),
    )
    .orderBy(desc(campaigns.id))
    .limit(limit)
    .all();
}

/** Started and not yet settled to the last mail, a cancelled one included. */
export function unsettledCampaigns(db: Db): CampaignHead[] {
  return db
    .select(head)
    .from(campaigns)
    .where(and(inArray(campaigns.state, ['sending', 'paused', 'cancelled']), isNull(campaigns.finishedAt)))
    .orderBy(campaigns.id)
    .all();
}

export function campaignHeads(db: Db, ids: readonly number[]): CampaignHead[] {
  if (ids.length === 0) return [];
  return db
    .select(head)
    .from(campaigns)
    .where(inArray(campaigns.id, [...ids]))
    .all();
}

/** Whether mail can be told to leave by this pool. */
export function poolExists(db: Db, id: number): boolean {
  return db.select({ id: ipPools.id }).from(ipPools).where(eq(ipPools.id, id)).get() !== undefined;
}
