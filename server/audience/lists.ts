/** Lists. Members are counted by triggers (migration 0002), so that a page of lists costs no walk over members. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { and, desc, eq, lt } from 'drizzle-orm';
import { lists } from '../db/schema.ts';
import type { Db } from '../deps.ts';
import { AppError, type FieldError } from '../errors.ts';
import type { List } from './schemas.ts';

/** Memberships that one step of a deletion takes: about 10 ms. */
const DELETE_STEP = 2000;

const view = (row: typeof lists.$inferSelect): List => ({
  ...row,
  createdAt: new Date(row.createdAt).toISOString(),
  updatedAt: new Date(row.updatedAt).toISOString(),
});

/** Newest first. */
export function readLists(
  db: Db,
  beforeId: number | undefined,
  limit: number,
): { items: List[]; nextCursor: string | null } {
  const rows = db
    .select()
    .from(lists)
    .where(and(beforeId === undefined ? undefined : lt(lists.id, beforeId)))
    .orderBy(desc(lists.id))
    .limit(limit + 1)
    .all();
  const items = rows.slice(0, limit).map(view);
  return { items, nextCursor: rows.length > limit ? String(items.at(-1)!.id) : null };
}

/** @throws AppError `not-found` */
export function readList(db: Db, id: number): List {
  const row = db.select().from(lists).where(eq(lists.id, id)).get();
  if (!row) throw new AppError('not-found', `There is no list ${id}`);
  return view(row);
}

export function createList(db: Db, input: { name: string; description?: string | undefined }): List {
  const now = Date.now();
  const values = {
    name: requireName(input.name),
    description: input.description ?? '',
    createdAt: now,
    updatedAt: now,
  };
  return view(db.insert(lists).values(values).returning().get());
}

/** @throws AppError `not-found` */
export function patchList(
  db: Db,
  id: number,
  patch: { name?: string | undefined; description?: string | undefined },
): List {
  readList(db, id);
  const name = patch.name === undefined ? undefined : requireName(patch.name);
  return view(
    db
      .update(lists)
      .set({ name, description: patch.description, updatedAt: Date.now() })
      .where(eq(lists.id, id))
      .returning()
      .get(),
  );
}

function requireName(name: string): string {
  const trimmed = name.trim();
  if (trimmed !== '') return trimmed;
  throw new AppError('value-invalid', 'The name is empty', [
    { pointer: '/name', code: 'empty', message: 'should not be empty', value: name },
  ]);
}

/**
 * Deletes the list and its memberships, never people. A list of a million goes in steps, so that other requests and
 * the worker have their turn; a crash in between leaves a smaller list that can be deleted again.
 * @throws AppError `not-found`; `conflict` naming the campaigns and imports that need it
 */
export async function deleteList(db: Db, id: number): Promise<void> {
  readList(db, id);
  const uses = usesOf(db, id);
  if (uses.length > 0) throw new AppError('conflict', uses.map((use) => use.message).join('; '), uses);
  const step = db.$client.prepare(
    `DELETE FROM memberships WHERE list_id = ? AND subscriber_id IN
       (SELECT subscriber_id FROM memberships WHERE list_id = ? LIMIT ${DELETE_STEP})`,
  );
  while (step.run(id, id).changes === DELETE_STEP) await nextTurn();
  db.delete(lists).where(eq(lists.id, id)).run();
}

function usesOf(db: Db, id: number): FieldError[] {
  const campaigns = db.$client
    .prepare(
      `SELECT c.id, c.name, c.state FROM campaigns c, json_each(c.list_ids) j
       WHERE j.value = ? AND c.state IN ('draft', 'scheduled', 'sending', 'paused') ORDER BY c.id`,
    )
    .all(id) as { id: number; name: string; state: string }[];
  const imports = db.$client
    .prepare(`SELECT id FROM imports WHERE list_id = ? AND state IN ('queued', 'running')`)
    .pluck()
    .all(id) as number[];
  return [
    ...campaigns.map(
      (campaign): FieldError => ({
        pointer: `/campaigns/${campaign.id}`,
        code: 'in-use',
        message: `Campaign ${campaign.id} "${campaign.name}" (${campaign.state}) is for this list`,
        value: campaign.name,
      }),
    ),
    ...imports.map(
      (importId): FieldError => ({
        pointer: `/imports/${importId}`,
        code: 'in-use',
        message: `Import ${importId} is adding people to this list`,
        value: importId,
      }),
    ),
  ];
}
