import Type from 'typebox';
import type { Routes } from '../deps.ts';
import { IdParams } from '../schemas.ts';
import { addControl, liftThrottle, removeControl } from './controls.ts';
import { liveQueues, queues, setStopped } from './queues.ts';
import { QueueControl, QueueControlCreate, QueueQuery, Queues } from './schemas.ts';

const Empty = Type.Null({ description: 'Done' });

/** What waits, where and why; and the operators' orders. */
export const queueRoutes: Routes = (app, deps) => {
  app.get(
    '/api/v1/queues',
    {
      schema: {
        summary: 'What waits, where and why',
        querystring: QueueQuery,
        response: { 200: Queues },
      },
    },
    ({ query }) => queues(deps, query),
  );

  for (const [verb, stopped, summary] of [
    ['stop', true, 'Emergency stop: nothing leaves until it is resumed'],
    ['resume', false, 'Take the emergency stop back'],
  ] as const) {
    app.post(
      `/api/v1/queues/${verb}`,
      { schema: { summary, response: { 200: Queues } } },
      async (request) => {
        await setStopped(deps, stopped);
        deps.audit(request, `queues.${verb}`, 'queues');
        return queues(deps);
      },
    );
  }

  /** An order is seen on every screen at once, not with the MTA's next report. */
  const show = async () => deps.live.publish({ type: 'queues', data: await liveQueues(deps) });

  app.post(
    '/api/v1/queues/controls',
    {
      schema: {
        summary:
          'Order: pause, bounce, reroute or retry mail of a domain, site, provider, campaign, source or all',
        body: QueueControlCreate,
        response: { 201: QueueControl },
      },
    },
    async (request, reply) => {
      const control = addControl(deps, request.body, request.actor?.name ?? '', Date.now());
      deps.audit(request, `queues.${control.action}`, `queue-control:${control.id}`, described(control));
      await show();
      return reply.code(201).send(control);
    },
  );

  app.delete(
    '/api/v1/queues/controls/:id',
    {
      schema: {
        summary: 'Take a pause or a reroute back, or forget what is done',
        params: IdParams,
        response: { 204: Empty },
      },
    },
    async (request, reply) => {
      const control = removeControl(deps, request.params.id);
      deps.audit(request, 'queues.control-remove', `queue-control:${control.id}`, {
        action: control.action,
        ...described(control),
      });
      await show();
      return reply.code(204).send(null);
    },
  );

  app.delete(
    '/api/v1/queues/throttles/:id',
    {
      schema: {
        summary: 'Lift an automatic back-off before its time',
        params: IdParams,
        response: { 204: Empty },
      },
    },
    async (request, reply) => {
      const { id, kind, source, site, provider, sendingDomain, trigger } = liftThrottle(
        deps,
        request.params.id,
      );
      deps.audit(request, 'queues.throttle-lift', `queue-throttle:${id}`, {
        kind,
        source,
        site,
        provider,
        sendingDomain,
        trigger,
      });
      await show();
      return reply.code(204).send(null);
    },
  );
};

/** for the audit log: what is set of it */
function described({ scope, value, campaignId, campaignName, targetName, until, reason }: QueueControl) {
  const detail = { scope, value, campaignId, campaignName, target: targetName, until, reason };
  return Object.fromEntries(Object.entries(detail).filter(([, each]) => each !== null && each !== ''));
}
