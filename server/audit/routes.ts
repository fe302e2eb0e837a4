import { AuditEntry } from '../auth/schemas.ts';
import type { Routes } from '../deps.ts';
import { readCursor } from '../http/paging.ts';
import { Page, PageQuery } from '../schemas.ts';
import { readAudit } from './audit.ts';

export const auditRoutes: Routes = (app, deps) => {
  app.get(
    '/api/v1/audit-log',
    {
      schema: {
        summary: 'Read the audit log, newest first',
        querystring: PageQuery,
        response: { 200: Page(AuditEntry) },
      },
    },
    async (request) => {
      const limit = request.query.limit ?? 50;
      const items = readAudit(deps.db, readCursor(request.query.cursor), limit);
      return { items, nextCursor: items.length === limit ? String(items.at(-1)!.id) : null };
    },
  );
};
