import Type from 'typebox';
import type { Routes } from '../deps.ts';
import { Page } from '../schemas.ts';
import { ProviderParams, ShapingCreate, ShapingPatch, ShapingProvider } from './schemas.ts';
import { createShaping, deleteShaping, getShaping, listShaping, patchShaping } from './shaping.ts';

const BASE = '/api/v1/shaping';
const ONE = `${BASE}/:provider`;

/** Limits and back-off for each provider. */
export const shapingRoutes: Routes = (app, deps) => {
  const target = (provider: string): string => `shaping:${provider}`;

  app.get(
    BASE,
    {
      schema: {
        summary: "Every provider's limits and back-off: built in, changed and in effect",
        response: { 200: Page(ShapingProvider) },
      },
    },
    () => ({ items: listShaping(deps), nextCursor: null }),
  );

  app.post(
    BASE,
    {
      schema: {
        summary: 'Add a provider of your own, by its MX names or domains',
        body: ShapingCreate,
        response: { 201: ShapingProvider },
      },
    },
    async (request, reply) => {
      const made = createShaping(deps, request.body);
      deps.publishDelivery();
      deps.audit(request, 'shaping.create', target(made.provider), request.body);
      return reply.code(201).send(made);
    },
  );

  app.get(
    ONE,
    { schema: { summary: 'One provider', params: ProviderParams, response: { 200: ShapingProvider } } },
    ({ params }) => getShaping(deps, params.provider),
  );

  app.patch(
    ONE,
    {
      schema: {
        summary: 'Change limits and back-off; null goes back to the built-in value',
        params: ProviderParams,
        body: ShapingPatch,
        response: { 200: ShapingProvider },
      },
    },
    (request) => {
      const changed = patchShaping(deps, request.params.provider, request.body);
      deps.publishDelivery();
      deps.audit(request, 'shaping.update', target(changed.provider), request.body);
      return changed;
    },
  );

  app.delete(
    ONE,
    {
      schema: {
        summary: 'Remove your own provider, or all changes of a built-in one',
        params: ProviderParams,
        response: { 204: Type.Null({ description: 'Done' }) },
      },
    },
    async (request, reply) => {
      const before = deleteShaping(deps, request.params.provider);
      deps.publishDelivery();
      deps.audit(request, 'shaping.delete', target(before.provider), { own: before.own });
      return reply.code(204).send(null);
    },
  );
};
