/** Webhooks for Prometheus, by their number: a rule on `todoke_webhook_failing_seconds` warns days before one is disabled. */
import { Gauge, type Registry } from 'prom-client';
import type { Deps } from '../deps.ts';
import { listWebhooks, type WebhookRow } from './store.ts';

export function webhookMetrics(registry: Registry, { db }: Pick<Deps, 'db'>): void {
  const gauge = (name: string, help: string, read: (hook: WebhookRow) => number): void => {
    new Gauge({
      name: `todoke_webhook_${name}`,
      help,
      labelNames: ['webhook'],
      registers: [registry],
      collect() {
        // What is gone must not stay at its last value.
        this.reset();
        for (const hook of listWebhooks(db)) this.set({ webhook: String(hook.id) }, read(hook));
      },
    });
  };
  gauge('enabled', '0 when it is off, by a person or by itself', ({ disabled }) =>
    disabled === null ? 1 : 0,
  );
  gauge('failing_seconds', 'How long nothing has been taken, 0 while all is well', ({ failingSince }) =>
    failingSince === null ? 0 : Math.max(0, (Date.now() - failingSince) / 1000),
  );
}
