/** For probes and for Prometheus. */
import Type from 'typebox';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { App, Deps } from '../deps.ts';
import type { LedgerKind } from '../../mta/index.ts';
import { VERSION } from '../version.ts';

/** What the process knows of its own parts; given by main.ts. */
export interface Health {
  /** reasons why it cannot do its work, empty when it can */
  problems(): string[];
}

const Ready = Type.Object({ ready: Type.Boolean(), problems: Type.Array(Type.String()) });

/** `/healthz`: the process answers (restart it when not). `/readyz`: it can do its work (send no traffic when not). */
export function healthRoutes(app: App, health: Health): void {
  app.get(
    '/healthz',
    { schema: { summary: 'The process is up', response: { 200: Type.Object({ ok: Type.Boolean(), version: Type.String() }) } } },
    async () => ({ ok: true, version: VERSION }),
  );
  app.get(
    '/readyz',
    { schema: { summary: 'Database, worker and MTA are up', response: { 200: Ready, 503: Ready } } },
    async (_request, reply) => {
      const problems = health.problems();
      return reply.code(problems.length === 0 ? 200 : 503).send({ ready: problems.length === 0, problems });
    },
  );
}

/** `/metrics` in Prometheus' text format. Times every request of the app; must be called before the routes. */
export function useMetrics(app: App, deps: Deps): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'todoke_' });
  const durations = new Histogram({
    name: 'todoke_http_request_duration_seconds',
    help: 'Time to answer by method, route and status class',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [registry],
  });
  app.addHook('onResponse', async (request, reply) => {
    durations.observe(
      { method: request.method, route: request.routeOptions.url ?? 'unknown', status: `${Math.floor(reply.statusCode / 100)}xx` },
      reply.elapsedTime / 1000,
    );
  });

  new Gauge({
    name: 'todoke_queue_messages',
    help: 'Mails that are not settled yet, by class',
    labelNames: ['class'],
    registers: [registry],
    collect() {
      for (const [name, count] of Object.entries(deps.spool.queuedByClass())) this.set({ class: name }, count);
    },
  });
  /** The ledger is counted on from where the last scrape stopped; the first stands where the process started. */
  let counted = deps.spool.lastLedgerId();
  new Counter({
    name: 'todoke_ledger_entries_total',
    help: 'Outcomes of attempts and events since the start of the process, by kind',
    labelNames: ['kind'],
    registers: [registry],
    collect() {
      const last = deps.spool.lastLedgerId();
      for (const [kind, count] of Object.entries(deps.spool.countLedger(counted, last)) as [LedgerKind, number][]) {
        this.inc({ kind }, count);
      }
      counted = last;
    },
  });
  const mtaGauge = (name: string, help: string, read: (status: NonNullable<ReturnType<Deps['mta']['status']>>) => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        const status = deps.mta.status();
        this.set(status ? read(status) : 0);
      },
    });
  new Gauge({
    name: 'todoke_mta_up',
    help: '1 while the MTA runs',
    registers: [registry],
    collect() {
      this.set(deps.mta.status() ? 1 : 0);
    },
  });
  mtaGauge('todoke_mta_settled_per_second', 'Mails settled per second over the last ten seconds', (status) => status.perSecond);
  mtaGauge('todoke_mta_in_flight', 'Mails under way', (status) => status.inFlight);
  mtaGauge('todoke_mta_connections', 'Open SMTP connections', (status) => status.connections);
  mtaGauge('todoke_mta_resident_memory_bytes', 'Resident memory of the MTA', (status) => status.rssMB * 1024 * 1024);

  app.get('/metrics', { schema: { summary: 'Metrics in the text format of Prometheus' } }, async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
}
