/** Starts scheduled campaigns when their time has come; main.ts calls it every few seconds. */
import { and, asc, desc, eq, lte } from 'drizzle-orm';
import { auditSystem } from '../audit/audit.ts';
import { auditLog, campaigns } from '../db/schema.ts';
import type { Db } from '../deps.ts';
import { AppError, type FieldError } from '../errors.ts';
import { type Override, type StartDeps, startCampaign } from './start.ts';
import { findCampaign, moveCampaign } from './store.ts';
import { summary } from './view.ts';

const SYSTEM = 'scheduler';

/**
 * A campaign that does not pass the check any more goes back to draft with an entry in the audit log: nobody is there
 * to decide, and a mail that silently never leaves is the worst. What was missed while the appliance was down
 * starts late.
 */
export async function startDueCampaigns(deps: StartDeps, now: number): Promise<void> {
  const due = deps.db
    .select({ id: campaigns.id, scheduledAt: campaigns.scheduledAt })
    .from(campaigns)
    .where(and(eq(campaigns.state, 'scheduled'), lte(campaigns.scheduledAt, now)))
    .orderBy(asc(campaigns.scheduledAt))
    .all();
  const failures: unknown[] = [];
  for (const { id, scheduledAt } of due) {
    try {
      const overrides = scheduledOverrides(deps.db, id);
      await startCampaign(deps, id, { overrides, now });
      auditSystem(deps.db, SYSTEM, 'campaign.start', `campaign:${id}`, {
        scheduledAt,
        ...(overrides.length > 0 ? { overrides } : {}),
      });
    } catch (error) {
      // A fault of ours must not hold up the campaigns behind it; the next call tries again.
      if (error instanceof AppError) backToDraft(deps, id, error);
      else failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'scheduled campaigns could not be started');
}

function backToDraft(deps: StartDeps, id: number, error: AppError): void {
  const row = findCampaign(deps.db, id);
  // Somebody unscheduled or started it at the same moment.
  if (row?.state !== 'scheduled') return;
  const moved = moveCampaign(deps.db, row, 'unschedule', 'draft', { scheduledAt: null });
  const errors: FieldError[] = error.errors.slice(0, 20);
  auditSystem(deps.db, SYSTEM, 'campaign.start-failed', `campaign:${id}`, {
    scheduledAt: row.scheduledAt,
    code: error.code,
    errors,
  });
  deps.live.publish({ type: 'campaign', data: summary(deps.db, deps.spool, moved) });
}

/** What the person who scheduled it took on himself: it stands in the audit log and nowhere else. */
function scheduledOverrides(db: Db, id: number): Override[] {
  const entry = db
    .select({ detail: auditLog.detail })
    .from(auditLog)
    .where(and(eq(auditLog.target, `campaign:${id}`), eq(auditLog.action, 'campaign.schedule')))
    .orderBy(desc(auditLog.id))
    .limit(1)
    .get();
  return (entry?.detail.overrides as Override[] | undefined) ?? [];
}
