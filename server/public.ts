/** The public app: what readers reach from the internet, and nothing else. Built here, started by main.ts. */
import type { FastifyBaseLogger } from 'fastify';
import type { App, Deps, Routes } from './deps.ts';
import { createBase } from './http/base.ts';
import { PUBLIC_HEADERS } from './http/headers.ts';
import type { Metrics } from './http/metrics.ts';
import { sendLost } from './tracking/answers.ts';

export interface PublicOptions {
  deps: Deps;
  log: FastifyBaseLogger;
  metrics: Metrics;
  /** `publicFeatures` of features.ts, or those that a test is about */
  features: Routes[];
}

/** Builds it; does not listen. There is no login here, so no route can do more than its signed token allows. */
export async function buildPublicApp(options: PublicOptions): Promise<App> {
  const app = await createBase({
    config: options.deps.config,
    log: options.log,
    bodyLimit: 64 * 1024,
    headers: PUBLIC_HEADERS,
    // Clicks and opens come by the million; the ledger is their record.
    accessLevel: 'debug',
    // Nobody needs longer for a click, but slow senders on the internet would like to hold all connections.
    requestTimeout: 30_000,
    notFound: (request, reply) => sendLost(options.deps, request, reply),
    badUrl: (request, reply) => sendLost(options.deps, request, reply),
  });
  options.metrics.time(app, 'public');
  app.get('/healthz', { schema: { hide: true } }, async () => ({ ok: true }));
  for (const routes of options.features)
    await app.register(async (scope) => routes(scope as App, options.deps));
  await app.ready();
  return app;
}
