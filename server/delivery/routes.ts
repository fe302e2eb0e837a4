import Type from 'typebox';
import { openSandboxMail, type SandboxMail } from '../../mta/index.ts';
import type { App, Deps, Routes } from '../deps.ts';
import { IdParams, Page } from '../schemas.ts';
import { searchDeliveries } from './deliveries.ts';
import { ipPoolRoutes } from './ip-pool-routes.ts';
import { queueRoutes } from './queue-routes.ts';
import { createRoute, deleteRoute, listRoutes, patchRoute } from './relay-routes.ts';
import { listMessages, MAIL_CSP, messageHtml, messageSource, readMessage } from './sandbox-messages.ts';
import {
  Delivery,
  DeliveryQuery,
  Route,
  RouteCreate,
  RoutePatch,
  SandboxMessage,
  SandboxMessageDetail,
  SandboxQuery,
} from './schemas.ts';
import { shapingRoutes } from './shaping-routes.ts';
import { tlsRoutes } from './tls-routes.ts';

const Empty = Type.Null({ description: 'Done' });

/** All of delivery but the sending domains. */
export const deliveryRoutes: Routes = (app, deps) => {
  ledgerRoutes(app, deps);
  queueRoutes(app, deps);
  ipPoolRoutes(app, deps);
  shapingRoutes(app, deps);
  tlsRoutes(app, deps);
  sandboxRoutes(app, deps);
  relayRoutes(app, deps);
};

function ledgerRoutes(app: App, deps: Deps): void {
  app.get(
    '/api/v1/deliveries',
    {
      schema: {
        tags: ['deliveries'],
        summary: 'Search the ledger: every attempt and event, newest first',
        querystring: DeliveryQuery,
        response: { 200: Page(Delivery) },
      },
    },
    ({ query }) => searchDeliveries(deps, query),
  );
}

function sandboxRoutes(app: App, deps: Deps): void {
  let opened: SandboxMail | undefined;
  const mail = (): SandboxMail => {
    opened ??= openSandboxMail(deps.config.dataDir);
    return opened;
  };
  app.addHook('onClose', async () => opened?.close());
  const tags = ['sandbox-messages'];

  app.get(
    '/api/v1/sandbox-messages',
    {
      schema: {
        tags,
        summary: 'Mail that the sandbox took, newest first',
        querystring: SandboxQuery,
        response: { 200: Page(SandboxMessage) },
      },
    },
    ({ query }) => listMessages(mail(), query),
  );

  app.delete(
    '/api/v1/sandbox-messages',
    { schema: { tags, summary: 'Empty the sandbox mailbox', response: { 204: Empty } } },
    async (request, reply) => {
      const count = mail().count();
      mail().clear();
      deps.audit(request, 'sandbox-messages.clear', 'sandbox-messages', { count });
      return reply.code(204).send(null);
    },
  );

  app.get(
    '/api/v1/sandbox-messages/:id',
    {
      schema: {
        tags,
        summary: 'One mail, parsed',
        params: IdParams,
        response: { 200: SandboxMessageDetail },
      },
    },
    ({ params }) => readMessage(mail(), params.id),
  );

  app.get(
    '/api/v1/sandbox-messages/:id/html',
    {
      schema: { tags, summary: 'Its HTML, for a sandboxed frame', params: IdParams, produces: ['text/html'] },
    },
    async ({ params }, reply) => {
      const html = await messageHtml(mail(), params.id);
      return reply
        .header('content-security-policy', MAIL_CSP)
        .header('referrer-policy', 'no-referrer')
        .type('text/html; charset=utf-8')
        .send(html);
    },
  );

  app.get(
    '/api/v1/sandbox-messages/:id/source',
    {
      schema: { tags, summary: 'The mail as it came over SMTP', params: IdParams, produces: ['text/plain'] },
    },
    async ({ params }, reply) =>
      reply
        .header('x-content-type-options', 'nosniff')
        .type('text/plain; charset=utf-8')
        .send(messageSource(mail(), params.id)),
  );
}

function relayRoutes(app: App, deps: Deps): void {
  const tags = ['routes'];
  /** for the audit log: hosts without logins */
  const describe = ({ match, relay }: Route) => ({
    match,
    relay: relay.map(({ host, port }) => `${host}:${port}`),
  });

  app.get(
    '/api/v1/routes',
    { schema: { tags, summary: 'All routes', response: { 200: Page(Route) } } },
    () => ({ items: listRoutes(deps), nextCursor: null }),
  );

  app.post(
    '/api/v1/routes',
    {
      schema: {
        tags,
        summary: 'Send matching mail to relays, or direct to MX',
        body: RouteCreate,
        response: { 201: Route },
      },
    },
    async (request, reply) => {
      const route = createRoute(deps, request.body);
      deps.publishDelivery();
      deps.audit(request, 'route.create', `route:${route.id}`, describe(route));
      return reply.code(201).send(route);
    },
  );

  app.patch(
    '/api/v1/routes/:id',
    {
      schema: {
        tags,
        summary: 'Change a route; a relay named without password keeps the one it has',
        params: IdParams,
        body: RoutePatch,
        response: { 200: Route },
      },
    },
    (request) => {
      const route = patchRoute(deps, request.params.id, request.body);
      deps.publishDelivery();
      deps.audit(request, 'route.update', `route:${route.id}`, describe(route));
      return route;
    },
  );

  app.delete(
    '/api/v1/routes/:id',
    { schema: { tags, summary: 'Remove a route', params: IdParams, response: { 204: Empty } } },
    async (request, reply) => {
      const route = deleteRoute(deps, request.params.id);
      deps.publishDelivery();
      deps.audit(request, 'route.delete', `route:${route.id}`, describe(route));
      return reply.code(204).send(null);
    },
  );
}
