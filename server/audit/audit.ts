/** Who did what, when and from where. Entries are only ever added. */
import { and, desc, lt } from 'drizzle-orm';
import type { FastifyRequest } from 'fastify';
import type { AuditEntry } from '../auth/schemas.ts';
import { auditLog } from '../db/schema.ts';
import type { Db, Deps } from '../deps.ts';

/** `Deps.audit`. A request without an actor (a failed login) is the system's entry. */
export function auditor(db: Db): Deps['audit'] {
  return (request: FastifyRequest, action, target, detail = {}) => {
    const { actor } = request;
    db.insert(auditLog)
      .values({
        actorKind: actor?.kind ?? 'system',
        actorId: actor?.id ?? null,
        actorName: actor?.name ?? '',
        action,
        target,
        detail,
        ip: request.ip,
      })
      .run();
  };
}

/** What the process or the command line does by itself. */
export function auditSystem(
  db: Db,
  name: string,
  action: string,
  target: string,
  detail: Record<string, unknown> = {},
): void {
  db.insert(auditLog)
    .values({ actorKind: 'system', actorId: null, actorName: name, action, target, detail })
    .run();
}

/** Newest first; `beforeId` is the cursor. */
export function readAudit(db: Db, beforeId: number | undefined, limit: number): AuditEntry[] {
  return db
    .select()
    .from(auditLog)
    .where(and(beforeId === undefined ? undefined : lt(auditLog.id, beforeId)))
    .orderBy(desc(auditLog.id))
    .limit(limit)
    .all()
    .map(({ actorId: _, ...row }) => ({ ...row, at: new Date(row.at).toISOString() }));
}
