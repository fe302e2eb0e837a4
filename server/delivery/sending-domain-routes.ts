import Type from 'typebox';
import { createResolver } from '../../mta/index.ts';
import type { Routes } from '../deps.ts';
import { IdParams, Page } from '../schemas.ts';
import { resolverLookup } from './dns-lookup.ts';
import { SendingDomain, SendingDomainCreate } from './sending-domain-schemas.ts';
import { checkDomain, createDomain, deleteDomain, getDomain, listDomains } from './sending-domains.ts';

const Empty = Type.Null({ description: 'Done' });

/** Sending domains: their keys and DNS records. */
export const sendingDomainRoutes: Routes = (app, deps) => {
  const tags = ['sending-domains'];

  app.get(
    '/api/v1/sending-domains',
    { schema: { tags, summary: 'All sending domains', response: { 200: Page(SendingDomain) } } },
    () => ({ items: listDomains(deps), nextCursor: null }),
  );

  app.post(
    '/api/v1/sending-domains',
    {
      schema: {
        tags,
        summary: 'Add a sending domain: makes its DKIM key and answers the DNS records to publish',
        body: SendingDomainCreate,
        response: { 201: SendingDomain },
      },
    },
    async (request, reply) => {
      const domain = await createDomain(deps, request.body);
      deps.publishDelivery();
      deps.audit(request, 'sending-domain.create', `sending-domain:${domain.id}`, {
        domain: domain.domain,
        selector: domain.dkimSelector,
      });
      return reply.code(201).send(domain);
    },
  );

  app.get(
    '/api/v1/sending-domains/:id',
    { schema: { tags, summary: 'One sending domain', params: IdParams, response: { 200: SendingDomain } } },
    ({ params }) => getDomain(deps, params.id),
  );

  app.post(
    '/api/v1/sending-domains/:id/check',
    {
      schema: {
        tags,
        summary: 'Look its DNS records up now',
        params: IdParams,
        response: { 200: SendingDomain },
      },
    },
    async (request) => {
      // A resolver of its own: whoever has just published a record must not be shown what was remembered.
      const resolver = createResolver({ servers: deps.config.dns });
      const domain = await checkDomain(deps, request.params.id, resolverLookup(resolver)).finally(() =>
        resolver.close(),
      );
      const states = Object.fromEntries(domain.records.map(({ purpose, state }) => [purpose, state]));
      deps.audit(request, 'sending-domain.check', `sending-domain:${domain.id}`, states);
      return domain;
    },
  );

  app.delete(
    '/api/v1/sending-domains/:id',
    {
      schema: {
        tags,
        summary: 'Remove a sending domain and its key',
        params: IdParams,
        response: { 204: Empty },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { domain } = deleteDomain(deps, id);
      deps.publishDelivery();
      deps.audit(request, 'sending-domain.delete', `sending-domain:${id}`, { domain });
      return reply.code(204).send(null);
    },
  );
};
