/** Numbers for Prometheus: of the process, the queue, the ledger, the MTA and both apps' requests. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { InboundStatus, LedgerKind, MtaStatus } from '../../mta/index.ts';
import type { App, Deps } from '../deps.ts';

export class Metrics {
  readonly registry = new Registry();
  readonly #durations: Histogram;

  constructor(deps: Pick<Deps, 'spool' | 'mta'>) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry, prefix: 'todoke_' });
    this.#durations = new Histogram({
      name: 'todoke_http_request_duration_seconds',
      help: 'Time to answer, by port, method, route and class of status',
      labelNames: ['port', 'method', 'route', 'status'],
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    });

    new Gauge({
      name: 'todoke_queue_messages',
      help: 'Mails that are not settled yet, by class',
      labelNames: ['class'],
      registers,
      collect() {
        for (const [name, count] of Object.entries(deps.spool.queuedByClass()))
          this.set({ class: name }, count);
      },
    });

    /** Each scrape counts on from where the last one stopped: the ledger is never read as a whole. */
    let counted = deps.spool.lastLedgerId();
    new Counter({
      name: 'todoke_ledger_entries_total',
      help: 'Outcomes of attempts and events since the start of the process, by kind',
      labelNames: ['kind'],
      registers,
      collect() {
        const last = deps.spool.lastLedgerId();
        const counts = Object.entries(deps.spool.countLedger(counted, last)) as [LedgerKind, number][];
        for (const [kind, count] of counts) this.inc({ kind }, count);
        counted = last;
      },
    });

    const ofMta = (name: string, help: string, read: (status: MtaStatus | undefined) => number): void => {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read(deps.mta.status()));
        },
      });
    };
    ofMta('todoke_mta_up', '1 while the MTA runs', (status) => (status ? 1 : 0));
    ofMta(
      'todoke_mta_settled_per_second',
      'Mails settled per second in the last ten',
      (status) => status?.perSecond ?? 0,
    );
    ofMta('todoke_mta_in_flight', 'Mails under way', (status) => status?.inFlight ?? 0);
    ofMta('todoke_mta_connections', 'Open SMTP connections', (status) => status?.connections ?? 0);
    ofMta(
      'todoke_mta_resident_memory_bytes',
      'Resident memory of the MTA',
      (status) => (status?.rssMB ?? 0) * 1024 * 1024,
    );
    ofMta(
      'todoke_inbound_sessions',
      'Open inbound SMTP sessions',
      (status) => status?.inbound?.sessions ?? 0,
    );
    this.#inbound(deps);
  }

  /** Counted by the MTA: a new one begins at 0, as a new process's counters do. */
  #inbound(deps: Pick<Deps, 'mta'>): void {
    const gauge = (
      name: string,
      help: string,
      read: (status: InboundStatus) => Record<string, number>,
      label: string,
    ) =>
      new Gauge({
        name,
        help,
        labelNames: [label],
        registers: [this.registry],
        collect() {
          const inbound = deps.mta.status()?.inbound;
          this.reset();
          for (const [value, count] of Object.entries(inbound ? read(inbound) : {}))
            this.set({ [label]: value }, count);
        },
      });
    gauge(
      'todoke_inbound_events',
      'Inbound SMTP since the start of the MTA: sessions, mails, and what was refused or ended',
      ({ counters }) => counters,
      'event',
    );
    gauge(
      'todoke_inbound_mails',
      'Inbound mails that were read, by what they were',
      ({ read }) => read,
      'kind',
    );
  }

  /** Times every request of an app. The route's pattern is the label, so that their number stays small. */
  time(app: App, port: 'admin' | 'public'): void {
    app.addHook('onResponse', async (request, reply) => {
      this.#durations.observe(
        {
          port,
          method: request.method,
          route: request.routeOptions.url ?? 'unknown',
          status: `${Math.floor(reply.statusCode / 100)}xx`,
        },
        reply.elapsedTime / 1000,
      );
    });
  }
}

export function metricsRoute(app: App, metrics: Metrics): void {
  app.get(
    '/metrics',
    { schema: { summary: 'Metrics in the text format of Prometheus' } },
    async (_request, reply) =>
      reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
}
