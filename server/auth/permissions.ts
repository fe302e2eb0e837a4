/**
 * The one table of who may call what. A route that is not in it cannot be registered (see app.ts), and
 * permissions.test.ts walks every route with every role and every scope.
 */
export const ROLES = ['administrator', 'editor', 'approver', 'viewer'] as const;
export type Role = (typeof ROLES)[number];

/** Scopes of API keys; a role is a set of them. `public` asks for no login, `session` for any logged-in user. */
export const SCOPES = [
  'audience:read',
  'audience:write',
  'campaigns:read',
  'campaigns:write',
  'campaigns:send',
  'messages:send',
  'deliveries:read',
  'delivery:manage',
  'reports:read',
  'users:manage',
  'settings:manage',
  'audit:read',
  'metrics:read',
] as const;
export type Scope = (typeof SCOPES)[number];
export type Permission = Scope | 'public' | 'session' | 'any';

const READ: Scope[] = ['audience:read', 'campaigns:read', 'deliveries:read', 'reports:read'];
/** The approver looks and sends but does not write: four eyes. The editor writes but does not send. */
export const ROLE_SCOPES: Record<Role, readonly Scope[]> = {
  administrator: SCOPES,
  editor: [...READ, 'audience:write', 'campaigns:write'],
  approver: [...READ, 'campaigns:send'],
  viewer: READ,
};

/** `METHOD url` as registered with Fastify → what the caller needs. `any`: a user or a key, whatever its scopes. */
export const ROUTES: Record<string, Permission> = {
  'GET /healthz': 'public',
  'GET /readyz': 'public',
  'GET /metrics': 'metrics:read',
  'GET /api/v1/openapi.json': 'any',
  'GET /api/docs': 'any',
  'GET /api/docs/*': 'any',

  'POST /api/v1/session': 'public',
  'GET /api/v1/session': 'session',
  'PATCH /api/v1/session': 'session',
  'DELETE /api/v1/session': 'session',
  'GET /api/v1/events': 'session',
  'GET /api/v1/overview': 'reports:read',
  'GET /api/v1/search': 'audience:read',

  'GET /api/v1/users': 'users:manage',
  'POST /api/v1/users': 'users:manage',
  'PATCH /api/v1/users/:id': 'users:manage',
  'DELETE /api/v1/users/:id': 'users:manage',
  'GET /api/v1/api-keys': 'users:manage',
  'POST /api/v1/api-keys': 'users:manage',
  'DELETE /api/v1/api-keys/:id': 'users:manage',
  'GET /api/v1/audit-log': 'audit:read',
  'GET /api/v1/settings': 'any',
  'PATCH /api/v1/settings': 'settings:manage',

  'GET /api/v1/lists': 'audience:read',
  'POST /api/v1/lists': 'audience:write',
  'GET /api/v1/lists/:id': 'audience:read',
  'PATCH /api/v1/lists/:id': 'audience:write',
  'DELETE /api/v1/lists/:id': 'audience:write',
  'GET /api/v1/attributes': 'audience:read',
  'POST /api/v1/attributes': 'audience:write',
  'PATCH /api/v1/attributes/:id': 'audience:write',
  'DELETE /api/v1/attributes/:id': 'audience:write',
  'GET /api/v1/subscribers': 'audience:read',
  'POST /api/v1/subscribers': 'audience:write',
  'GET /api/v1/subscribers/:id': 'audience:read',
  'PATCH /api/v1/subscribers/:id': 'audience:write',
  'DELETE /api/v1/subscribers/:id': 'audience:write',
  'GET /api/v1/subscribers/:id/timeline': 'audience:read',
  'PUT /api/v1/lists/:id/members/:subscriberId': 'audience:write',
  'DELETE /api/v1/lists/:id/members/:subscriberId': 'audience:write',
  'GET /api/v1/imports': 'audience:read',
  'POST /api/v1/imports': 'audience:write',
  'POST /api/v1/imports/preview': 'audience:write',
  'GET /api/v1/imports/:id': 'audience:read',
  'POST /api/v1/imports/:id/cancel': 'audience:write',
  'GET /api/v1/imports/:id/rejected.csv': 'audience:read',
  'GET /api/v1/suppressions': 'audience:read',
  'POST /api/v1/suppressions': 'audience:write',
  'DELETE /api/v1/suppressions/:id': 'audience:write',

  'GET /api/v1/campaigns': 'campaigns:read',
  'POST /api/v1/campaigns': 'campaigns:write',
  'GET /api/v1/campaigns/:id': 'campaigns:read',
  'PATCH /api/v1/campaigns/:id': 'campaigns:write',
  'DELETE /api/v1/campaigns/:id': 'campaigns:write',
  'GET /api/v1/campaigns/:id/audience': 'campaigns:read',
  'GET /api/v1/campaigns/:id/preflight': 'campaigns:read',
  'POST /api/v1/campaigns/:id/preview': 'campaigns:read',
  'GET /api/v1/campaigns/:id/preview.html': 'campaigns:read',
  'POST /api/v1/campaigns/:id/test': 'campaigns:write',
  'POST /api/v1/campaigns/:id/start': 'campaigns:send',
  'POST /api/v1/campaigns/:id/schedule': 'campaigns:send',
  'POST /api/v1/campaigns/:id/unschedule': 'campaigns:send',
  'POST /api/v1/campaigns/:id/pause': 'campaigns:send',
  'POST /api/v1/campaigns/:id/resume': 'campaigns:send',
  'POST /api/v1/campaigns/:id/cancel': 'campaigns:send',
  'POST /api/v1/campaigns/:id/duplicate': 'campaigns:write',
  'GET /api/v1/campaigns/:id/report': 'reports:read',

  'GET /api/v1/deliveries': 'deliveries:read',
  'GET /api/v1/queues': 'deliveries:read',
  'POST /api/v1/queues/stop': 'campaigns:send',
  'POST /api/v1/queues/resume': 'delivery:manage',
  'GET /api/v1/sandbox-messages': 'deliveries:read',
  'GET /api/v1/sandbox-messages/:id': 'deliveries:read',
  'GET /api/v1/sandbox-messages/:id/html': 'deliveries:read',
  'GET /api/v1/sandbox-messages/:id/source': 'deliveries:read',
  'DELETE /api/v1/sandbox-messages': 'delivery:manage',
  'GET /api/v1/sending-domains': 'campaigns:read',
  'POST /api/v1/sending-domains': 'delivery:manage',
  'GET /api/v1/sending-domains/:id': 'campaigns:read',
  'POST /api/v1/sending-domains/:id/check': 'delivery:manage',
  'DELETE /api/v1/sending-domains/:id': 'delivery:manage',
  'GET /api/v1/routes': 'delivery:manage',
  'POST /api/v1/routes': 'delivery:manage',
  'PATCH /api/v1/routes/:id': 'delivery:manage',
  'DELETE /api/v1/routes/:id': 'delivery:manage',

  // the built UI: files without data, behind no login so that the login page can load
  'GET /': 'public',
  'GET /*': 'public',
};
