/** Imports keep their progress in the database: after a restart these go on where they stopped. Campaigns: `reconcile`. */
import { inArray } from 'drizzle-orm';
import { imports } from './db/schema.ts';
import type { Db } from './deps.ts';
import type { JobRef } from './jobs.ts';

export function unfinishedImports(db: Db): JobRef[] {
  return db
    .select({ id: imports.id })
    .from(imports)
    .where(inArray(imports.state, ['queued', 'running']))
    .all()
    .map(({ id }) => ({ kind: 'import', id }));
}
