/** Jobs keep their progress in the database: after a restart these go on where they stopped. */
import { inArray } from 'drizzle-orm';
import type { Spool } from '../mta/index.ts';
import { campaigns, imports } from './db/schema.ts';
import type { Db } from './deps.ts';
import type { JobRef } from './jobs.ts';

export function unfinishedJobs(db: Db, spool: Pick<Spool, 'job'>): JobRef[] {
  const running = db
    .select({ id: imports.id })
    .from(imports)
    .where(inArray(imports.state, ['queued', 'running']))
    .all();
  const sending = db
    .select({ id: campaigns.id, jobId: campaigns.jobId })
    .from(campaigns)
    .where(inArray(campaigns.state, ['sending', 'paused']))
    .all()
    .filter(({ jobId }) => jobId === null || !spool.job(jobId)?.sealed);
  return [
    ...running.map(({ id }): JobRef => ({ kind: 'import', id })),
    ...sending.map(({ id }): JobRef => ({ kind: 'enqueue', id })),
  ];
}
