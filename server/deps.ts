/** What features are given; wired in main.ts, or by a test with the parts it needs. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { Database } from 'better-sqlite3';
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { LineStatus, MtaStatus, Spool, ToMta } from '../mta/index.ts';
import type { Role, Scope } from './auth/permissions.ts';
import type { Config } from './config.ts';
import type * as schema from './db/schema.ts';
import type { LiveEvent } from './events.ts';
import type { JobRef } from './jobs.ts';

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;
export type Db = BetterSQLite3Database<typeof schema> & { $client: Database };

/** Who makes the request: set on `request.actor` before a handler runs (public routes have none). */
export interface Actor {
  kind: 'user' | 'key';
  id: number;
  name: string;
  role: Role | null;
  scopes: readonly Scope[];
}

export interface Deps {
  config: Config;
  /** drizzle; `db.$client` is the better-sqlite3 handle for prepared hot statements */
  db: Db;
  spool: Spool;
  /** Background work (imports, enqueueing, folds) in a worker thread. */
  jobs: { run(job: JobRef): void; cancel(job: JobRef): void };
  /** Pushes to every open screen. */
  live: { publish(event: LiveEvent): void };
  mta: {
    send(message: ToMta): void;
    /** the last second's report, undefined while the MTA is down */
    status(): MtaStatus | undefined;
    /** What it knows of the mails that wait for these domains; nothing while it is down or busy. Never rejects. */
    lines(domains: string[]): Promise<LineStatus[]>;
    sandboxPort(): number | undefined;
  };
  /** Collects all delivery settings from todoke.db, writes them to the spool and tells the MTA. Call after every change. */
  publishDelivery(): void;
  audit(request: FastifyRequest, action: string, target: string, detail?: Record<string, unknown>): void;
}

/** A feature's routes. Paths are absolute (`/api/v1/lists`) and stand in auth/permissions.ts. */
export type Routes = (app: App, deps: Deps) => void | Promise<void>;

declare module 'fastify' {
  interface FastifyRequest {
    actor: Actor | null;
  }
}
