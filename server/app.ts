/** The admin app: UI, REST API, probes. Built here, started by main.ts. */
import multipart from '@fastify/multipart';
import type { FastifyBaseLogger } from 'fastify';
import { auditRoutes } from './audit/routes.ts';
import { useAuth } from './auth/plugin.ts';
import { sessionRoutes, userRoutes } from './auth/routes.ts';
import type { Sessions } from './auth/sessions.ts';
import type { App, Deps, Routes } from './deps.ts';
import { eventsRoutes } from './events-routes.ts';
import { createBase } from './http/base.ts';
import { ADMIN_HEADERS } from './http/headers.ts';
import { type Health, healthRoutes } from './http/health.ts';
import { useIdempotency } from './http/idempotency.ts';
import { type Metrics, metricsRoute } from './http/metrics.ts';
import { useOpenApi } from './http/openapi.ts';
import { openUi } from './http/ui.ts';
import type { LiveHub } from './live.ts';
import { searchRoutes } from './search.ts';
import { settingsRoutes } from './settings/routes.ts';

export interface AdminOptions {
  deps: Deps;
  log: FastifyBaseLogger;
  sessions: Sessions;
  live: LiveHub;
  health: Health;
  metrics: Metrics;
  /** the features' routes: `features` of features.ts, or those that a test is about */
  features: Routes[];
  /** where the built UI is, `ui/dist` by default */
  uiDir?: string | undefined;
}

/** A mail of a million characters in Japanese, as HTML and as text. */
const BODY_LIMIT = 8 * 1024 * 1024;
const UPLOAD_LIMIT = 2 * 1024 ** 3;

/** Builds it; does not listen. Each feature gets a scope of its own: its hooks and parsers do not leak into others. */
export async function buildAdminApp(options: AdminOptions): Promise<App> {
  const { deps, live, sessions } = options;
  const ui = openUi(options.uiDir);
  const app = await createBase({
    config: deps.config,
    log: options.log,
    bodyLimit: BODY_LIMIT,
    headers: ADMIN_HEADERS,
    accessLevel: 'info',
    // A big file over a slow line takes its time.
    requestTimeout: 0,
    notFound: ui.notFound,
  });
  options.metrics.time(app, 'admin');
  await useAuth(app, deps.db, sessions);
  await app.register(multipart, {
    limits: { fileSize: UPLOAD_LIMIT, files: 1, fields: 20, fieldSize: 64 * 1024, parts: 21 },
  });
  useIdempotency(app, deps.db);
  app.addHook('onRequest', async (request, reply) => {
    // Answers of the API are about people: no cache may keep them.
    if (request.url.startsWith('/api/v1/')) reply.header('cache-control', 'no-store');
  });
  await useOpenApi(app);
  healthRoutes(app, options.health);
  metricsRoute(app, options.metrics);
  const own: Routes[] = [
    sessionRoutes(sessions, live),
    userRoutes(sessions, live),
    settingsRoutes,
    auditRoutes,
    searchRoutes,
    eventsRoutes(live),
  ];
  for (const routes of [...own, ...options.features]) {
    await app.register(async (scope) => routes(scope as App, deps));
  }
  await ui.use(app);
  app.addHook('preClose', async () => live.close());
  await app.ready();
  return app;
}
