/**
 * The real apps on a data folder of their own, for tests: real database, real spool, no listener, no child process.
 * What would leave the process (jobs, messages to the MTA, events) is noted down.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InjectOptions } from 'fastify';
import type { LineStatus, MtaStatus, ToMta } from '../../mta/index.ts';
import { openSpool } from '../../mta/index.ts';
import { buildAdminApp } from '../app.ts';
import { auditor } from '../audit/audit.ts';
import { createKey } from '../auth/keys.ts';
import { hashPassword } from '../auth/passwords.ts';
import type { Role, Scope } from '../auth/permissions.ts';
import { SESSION_COOKIE, Sessions } from '../auth/sessions.ts';
import { type Config, readConfig } from '../config.ts';
import { migrate, openDb } from '../db/open.ts';
import { users } from '../db/schema.ts';
import { deliveryMetrics } from '../delivery/metrics.ts';
import type { App, Db, Deps, Routes } from '../deps.ts';
import type { LiveEvent } from '../events.ts';
import { Metrics } from '../http/metrics.ts';
import type { JobRef } from '../jobs.ts';
import { LiveHub } from '../live.ts';
import { createLogger } from '../log.ts';
import { buildPublicApp } from '../public.ts';
import { deliverySettings } from '../settings/publish.ts';
import { webhookMetrics } from '../webhooks/metrics.ts';

export const TEST_PASSWORD = 'a good password';
/** Any parameters verify; these take a millisecond. */
const CHEAP = { ln: 4, r: 8, p: 1 };

export interface HarnessOptions {
  /** of the admin app; none by default */
  features?: Routes[];
  publicFeatures?: Routes[];
  env?: Record<string, string>;
  uiDir?: string;
  log?: (line: string) => void;
}

export interface Harness {
  dataDir: string;
  config: Config;
  db: Db;
  deps: Deps;
  admin: App;
  public: App;
  live: LiveHub;
  /** what the features asked for */
  sent: { jobs: JobRef[]; cancelled: JobRef[]; mta: ToMta[]; events: LiveEvent[]; published: number };
  /** set: what `deps.mta.status()` answers, and `deps.mta.lines()` of its lines */
  mtaStatus: (MtaStatus & { lines?: LineStatus[] }) | undefined;
  problems: string[];
  /** adds a user and answers the headers of a session of theirs */
  login(role: Role, email?: string): Promise<{ id: number; headers: Record<string, string> }>;
  /** makes an API key and answers the headers that use it */
  key(...scopes: Scope[]): Record<string, string>;
  close(): Promise<void>;
}

export async function startHarness(options: HarnessOptions = {}): Promise<Harness> {
  const dataDir = mkdtempSync(join(tmpdir(), 'todoke-test-'));
  const config = readConfig({ TODOKE_DATA_DIR: dataDir, TODOKE_LOG: 'silent', ...options.env });
  migrate(dataDir);
  const db = openDb(dataDir);
  const spool = openSpool(dataDir);
  const log = options.log ? createLogger('debug', { write: options.log }) : createLogger(config.log);
  const sessions = new Sessions(db);
  const live = new LiveHub({ stillValid: (hash) => sessions.isValid(hash, Date.now()) });
  const sent: Harness['sent'] = { jobs: [], cancelled: [], mta: [], events: [], published: 0 };
  const deps: Deps = {
    config,
    db,
    spool,
    jobs: { run: (job) => sent.jobs.push(job), cancel: (job) => sent.cancelled.push(job) },
    live: {
      publish: (event) => {
        sent.events.push(event);
        live.publish(event);
      },
    },
    mta: {
      send: (message) => sent.mta.push(message),
      status: () => harness.mtaStatus,
      lines: async (domains) =>
        (harness.mtaStatus?.lines ?? []).filter(({ domain }) => domains.includes(domain)),
      sandboxPort: () => undefined,
    },
    publishDelivery: () => {
      sent.published += 1;
      spool.publishSettings(deliverySettings(db, config));
    },
    audit: auditor(db),
  };
  const health = { problems: () => harness.problems };
  const metrics = new Metrics(deps);
  deliveryMetrics(metrics.registry, deps);
  webhookMetrics(metrics.registry, deps);
  const admin = await buildAdminApp({
    deps,
    log,
    sessions,
    live,
    health,
    metrics,
    features: options.features ?? [],
    uiDir: options.uiDir,
  });
  const publicApp = await buildPublicApp({ deps, log, metrics, features: options.publicFeatures ?? [] });
  let logins = 0;
  const harness: Harness = {
    dataDir,
    config,
    db,
    deps,
    admin,
    public: publicApp,
    live,
    sent,
    mtaStatus: undefined,
    problems: [],
    async login(role, email = `${role}${++logins}@example.com`) {
      const passwordHash = await hashPassword(TEST_PASSWORD, CHEAP);
      const { id } = db.insert(users).values({ email, name: role, role, passwordHash }).returning().get();
      const token = sessions.create(id, '127.0.0.1', 'test', Date.now());
      return { id, headers: { cookie: `${SESSION_COOKIE}=${token}` } };
    },
    key: (...scopes) => ({
      authorization: `Bearer ${createKey(db, { name: 'test', scopes, createdBy: null }).key}`,
    }),
    async close() {
      await Promise.all([admin.close(), publicApp.close()]);
      spool.close();
      db.$client.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
  deps.publishDelivery();
  return harness;
}

/** A JSON request; the answer's status and parsed body. */
export async function call(
  app: App,
  method: InjectOptions['method'],
  url: string,
  headers: Record<string, string> = {},
  payload?: InjectOptions['payload'],
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came back
): Promise<{ status: number; headers: Record<string, unknown>; text: string; body: any }> {
  const response = await app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
  const json = String(response.headers['content-type'] ?? '').includes('json');
  return {
    status: response.statusCode,
    headers: response.headers,
    text: response.body,
    body: json ? response.json() : undefined,
  };
}
