/** For probes. */
import Type from 'typebox';
import type { App } from '../deps.ts';
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
    {
      schema: {
        summary: 'The process is up',
        response: { 200: Type.Object({ ok: Type.Boolean(), version: Type.String() }) },
      },
    },
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
