/** The imports table, and how the API shows it. */
import { and, desc, eq, inArray, lt } from 'drizzle-orm';
import { imports } from '../../db/schema.ts';
import type { Db } from '../../deps.ts';
import { AppError } from '../../errors.ts';
import type { Import } from '../schemas.ts';

export type ImportRow = typeof imports.$inferSelect;

const time = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

export function viewImport(row: ImportRow): Import {
  const { hasHeader: _h, rejectedBytes: _b, createdBy: _c, ...shown } = row;
  return {
    ...shown,
    createdAt: new Date(row.createdAt).toISOString(),
    startedAt: time(row.startedAt),
    finishedAt: time(row.finishedAt),
  };
}

/** @throws AppError `not-found` */
export function requireImport(db: Db, id: number): ImportRow {
  const row = db.select().from(imports).where(eq(imports.id, id)).get();
  if (!row) throw new AppError('not-found', `There is no import ${id}`);
  return row;
}

/** Newest first. */
export function readImports(
  db: Db,
  beforeId: number | undefined,
  limit: number,
): { items: Import[]; nextCursor: string | null } {
  const rows = db
    .select()
    .from(imports)
    .where(and(beforeId === undefined ? undefined : lt(imports.id, beforeId)))
    .orderBy(desc(imports.id))
    .limit(limit + 1)
    .all();
  const items = rows.slice(0, limit).map(viewImport);
  return { items, nextCursor: rows.length > limit ? String(items.at(-1)!.id) : null };
}

/** Queued, or running when a restart cut it off; undefined when there is nothing to do any more. */
export function startImport(db: Db, id: number, now: number): ImportRow | undefined {
  const row = db.select().from(imports).where(eq(imports.id, id)).get();
  if (!row || (row.state !== 'queued' && row.state !== 'running')) return undefined;
  return db
    .update(imports)
    .set({ state: 'running', startedAt: row.startedAt ?? now })
    .where(and(eq(imports.id, id), inArray(imports.state, ['queued', 'running'])))
    .returning()
    .get();
}

/**
 * Ends it, unless it has ended. The worker finds out with its next chunk, which then is not written.
 * @returns false when it had ended before
 */
export function endImport(
  db: Db,
  id: number,
  state: 'done' | 'failed' | 'cancelled',
  now: number,
  error: string | null = null,
): boolean {
  return (
    db
      .update(imports)
      .set({ state, error, finishedAt: now })
      .where(and(eq(imports.id, id), inArray(imports.state, ['queued', 'running'])))
      .run().changes > 0
  );
}
