import Type from 'typebox';
import type { Deps, Routes } from '../deps.ts';
import { AppError } from '../errors.ts';
import { readCursor } from '../http/paging.ts';
import { IdParams, Page, readTime } from '../schemas.ts';
import { Batches } from './batch.ts';
import { eventsOf, getDelivery, listDeliveries, showDelivery } from './deliveries.ts';
import {
  Webhook,
  WebhookCreate,
  WebhookCreated,
  WebhookDelivery,
  WebhookDeliveryDetail,
  WebhookDeliveryParams,
  WebhookDeliveryQuery,
  WebhookPatch,
  WebhookReplay,
  WebhookReplayed,
  WebhookRotate,
} from './schemas.ts';
import {
  createWebhook,
  deleteWebhook,
  getWebhook,
  listWebhooks,
  patchWebhook,
  replayDelivery,
  replaySince,
  rotateSecret,
  showWebhook,
  testWebhook,
  type WebhookRow,
} from './store.ts';

const RECEIVER = `Events are POSTed as \`{"events": [...]}\`, in batches, signed by the Standard Webhooks scheme (headers
\`webhook-id\`, \`webhook-timestamp\`, \`webhook-signature\`). A 2xx within 10 seconds takes a batch; 410 disables the webhook;
anything else is tried again for three days. Each event comes at least once: tell repeated ones by their \`id\`.
What happens to one person comes in order. The \`payload\` of a delivery shows what an event looks like.`;

export const webhookRoutes: Routes = (app, deps) => {
  const { db, spool } = deps;
  const batches = new Batches(db, spool);
  const show = (row: WebhookRow): Webhook => showWebhook(db, row, Date.now());
  /** Tells the worker, who sends. */
  const changed = (id: number): void => deps.jobs.run({ kind: 'webhook', id });
  const target = (id: number): string => `webhook:${id}`;

  app.get(
    '/api/v1/webhooks',
    { schema: { summary: 'All webhooks', response: { 200: Page(Webhook) } } },
    () => ({ items: listWebhooks(db).map(show), nextCursor: null }),
  );

  app.post(
    '/api/v1/webhooks',
    {
      schema: {
        summary: 'Have events sent to a URL; the secret that signs them is only answered here',
        description: RECEIVER,
        body: WebhookCreate,
        response: { 201: WebhookCreated },
      },
    },
    async (request, reply) => {
      const row = await createWebhook(deps, request.body, Date.now());
      deps.audit(request, 'webhook.create', target(row.id), described(row));
      changed(row.id);
      return reply.code(201).send({ ...show(row), secret: row.secret });
    },
  );

  app.get(
    '/api/v1/webhooks/:id',
    { schema: { summary: 'A webhook', params: IdParams, response: { 200: Webhook } } },
    ({ params }) => show(getWebhook(db, params.id)),
  );

  app.patch(
    '/api/v1/webhooks/:id',
    {
      schema: {
        summary: 'Change a webhook, switch it off or on again',
        params: IdParams,
        body: WebhookPatch,
        response: { 200: Webhook },
      },
    },
    async (request) => {
      const row = await patchWebhook(deps, request.params.id, request.body, Date.now());
      deps.audit(request, 'webhook.update', target(row.id), described(row));
      changed(row.id);
      return show(row);
    },
  );

  app.delete(
    '/api/v1/webhooks/:id',
    {
      schema: {
        summary: 'Remove a webhook and what is known of its deliveries',
        params: IdParams,
        response: { 204: Type.Null({ description: 'Done' }) },
      },
    },
    async (request, reply) => {
      const row = deleteWebhook(db, request.params.id);
      deps.audit(request, 'webhook.delete', target(row.id), described(row));
      changed(row.id);
      return reply.code(204).send(null);
    },
  );

  app.post(
    '/api/v1/webhooks/:id/test',
    {
      schema: {
        summary: 'Send an event of type `test`, once',
        params: IdParams,
        response: { 202: WebhookDelivery },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const delivery = testWebhook(db, id, Date.now());
      deps.audit(request, 'webhook.test', target(id), { deliveryId: delivery.id });
      changed(id);
      return reply.code(202).send(showDelivery(delivery));
    },
  );

  app.post(
    '/api/v1/webhooks/:id/replay',
    {
      schema: {
        summary: 'Send one delivery again, or everything since a time',
        params: IdParams,
        body: WebhookReplay,
        response: { 202: WebhookReplayed },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const answer = replay(deps, id, request.body);
      deps.audit(request, 'webhook.replay', target(id), request.body);
      changed(id);
      return reply.code(202).send({
        webhook: show(getWebhook(db, id)),
        delivery: answer && showDelivery(answer),
      });
    },
  );

  app.post(
    '/api/v1/webhooks/:id/rotate-secret',
    {
      schema: {
        summary: 'Make a new secret, which is only answered here; the old one signs as well for a while',
        params: IdParams,
        body: WebhookRotate,
        response: { 200: WebhookCreated },
      },
    },
    (request) => {
      const overlapHours = request.body?.overlapHours ?? 24;
      const row = rotateSecret(db, request.params.id, overlapHours, Date.now());
      deps.audit(request, 'webhook.rotate-secret', target(row.id), { overlapHours });
      return { ...show(row), secret: row.secret };
    },
  );

  app.get(
    '/api/v1/webhooks/:id/deliveries',
    {
      schema: {
        summary: 'The last deliveries of a webhook, newest first (1,000 or a week)',
        params: IdParams,
        querystring: WebhookDeliveryQuery,
        response: { 200: Page(WebhookDelivery) },
      },
    },
    ({ params, query }) => {
      const enabled = getWebhook(db, params.id).disabled === null;
      const limit = query.limit ?? 50;
      const rows = listDeliveries(db, params.id, {
        state: query.state,
        before: readCursor(query.cursor),
        limit: limit + 1,
      });
      const items = rows.slice(0, limit).map((row) => showDelivery(row, enabled));
      return { items, nextCursor: rows.length > limit ? String(items.at(-1)!.id) : null };
    },
  );

  app.get(
    '/api/v1/webhooks/:id/deliveries/:deliveryId',
    {
      schema: {
        summary: 'A delivery with its payload',
        params: WebhookDeliveryParams,
        response: { 200: WebhookDeliveryDetail },
      },
    },
    ({ params }) => {
      const enabled = getWebhook(db, params.id).disabled === null;
      const row = getDelivery(db, params.id, params.deliveryId);
      return { ...showDelivery(row, enabled), payload: { events: eventsOf(batches, row) } };
    },
  );
};

/** @throws AppError `invalid-request` unless one of the two is given */
function replay(
  deps: Deps,
  id: number,
  { since, deliveryId }: { since?: string | undefined; deliveryId?: number | undefined },
) {
  if ((since === undefined) === (deliveryId === undefined)) {
    const message = 'either since or deliveryId is needed, and not both';
    throw new AppError('invalid-request', message, [
      { pointer: '', code: since === undefined ? 'required' : 'unknown-property', message },
    ]);
  }
  if (deliveryId !== undefined) return replayDelivery(deps.db, id, deliveryId, Date.now());
  replaySince(deps, id, readTime(since!, '/since'), Date.now());
  return null;
}

/** For the audit log. Of the URL only the origin: its path may be a secret of the receiver's. */
function described(row: WebhookRow): Record<string, unknown> {
  const { name, filter, disabled, batchSize } = row;
  return { name, to: new URL(row.url).origin, ...filter, batchSize, enabled: disabled === null };
}
