import Type from 'typebox';
import { createResolver } from '../../mta/index.ts';
import type { Routes } from '../deps.ts';
import { IdParams, Page } from '../schemas.ts';
import { type DnsLookup, resolverLookup } from './dns-lookup.ts';
import { startDomainWatch } from './domain-watch.ts';
import {
  DkimKeyActivate,
  DkimKeyCreate,
  DkimKeyParams,
  SendingDomain,
  SendingDomainCheck,
  SendingDomainCreate,
  SendingDomainPatch,
} from './sending-domain-schemas.ts';
import {
  activateDomainKey,
  addDomainKey,
  checkDomain,
  createDomain,
  deleteDomain,
  deleteDomainKey,
  getDomain,
  listDomains,
  patchDomain,
} from './sending-domains.ts';

const Empty = Type.Null({ description: 'Done' });
/** ms for the first try of a question; the second waits twice as long. A person is watching. */
const DNS_TIMEOUT = 1500;

/** Sending domains: their keys and DNS records. */
export const sendingDomainRoutes: Routes = (app, deps) => {
  const tags = ['sending-domains'];
  const target = (id: number): string => `sending-domain:${id}`;

  /** With a resolver of its own: whoever has just published a record must not be shown what was remembered. */
  async function withDns<T>(work: (lookup: DnsLookup) => Promise<T>): Promise<T> {
    const resolver = createResolver({ servers: deps.config.dns, timeoutMs: DNS_TIMEOUT });
    return work(resolverLookup(resolver)).finally(() => resolver.close());
  }

  const stopWatch = startDomainWatch(deps, withDns);
  app.addHook('onClose', stopWatch);

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
      deps.audit(request, 'sending-domain.create', target(domain.id), {
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

  app.patch(
    '/api/v1/sending-domains/:id',
    {
      schema: {
        tags,
        summary: 'Change its DMARC policy, report address, second signature, IP pool or return path',
        params: IdParams,
        body: SendingDomainPatch,
        response: { 200: SendingDomain },
      },
    },
    async (request) => {
      const domain = await patchDomain(deps, request.params.id, request.body);
      deps.publishDelivery();
      deps.audit(request, 'sending-domain.update', target(domain.id), { ...request.body });
      return domain;
    },
  );

  app.post(
    '/api/v1/sending-domains/:id/check',
    {
      schema: {
        tags,
        summary: 'Look its DNS records up now',
        params: IdParams,
        body: SendingDomainCheck,
        response: { 200: SendingDomain },
      },
    },
    async (request) => {
      const only = request.body?.records;
      const domain = await withDns((lookup) => checkDomain(deps, request.params.id, lookup, only));
      const looked = domain.records.filter(({ key }) => only === undefined || only.includes(key));
      const states = Object.fromEntries(looked.map(({ key, state }) => [key, state]));
      deps.audit(request, 'sending-domain.check', target(domain.id), states);
      return domain;
    },
  );

  app.delete(
    '/api/v1/sending-domains/:id',
    {
      schema: {
        tags,
        summary: 'Remove a sending domain and its keys',
        params: IdParams,
        response: { 204: Empty },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { domain } = deleteDomain(deps, id);
      deps.publishDelivery();
      deps.audit(request, 'sending-domain.delete', target(id), { domain });
      return reply.code(204).send(null);
    },
  );

  app.post(
    '/api/v1/sending-domains/:id/dkim-keys',
    {
      schema: {
        tags,
        summary: 'Make the next DKIM key; it signs nothing until it is activated',
        params: IdParams,
        body: DkimKeyCreate,
        response: { 201: SendingDomain },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { algorithm } = request.body ?? {};
      const { domain, selector } = await addDomainKey(deps, id, algorithm);
      deps.audit(request, 'dkim-key.create', target(id), { selector, algorithm: algorithm ?? 'rsa-2048' });
      return reply.code(201).send(domain);
    },
  );

  app.post(
    '/api/v1/sending-domains/:id/dkim-keys/:keyId/activate',
    {
      schema: {
        tags,
        summary:
          'Sign with this key from now on, once its record is found in the DNS; the one before retires',
        params: DkimKeyParams,
        body: DkimKeyActivate,
        response: { 200: SendingDomain },
      },
    },
    async (request) => {
      const { id, keyId } = request.params;
      const body = request.body ?? {};
      const done = await withDns((lookup) => activateDomainKey(deps, id, keyId, lookup, body));
      deps.publishDelivery();
      deps.audit(request, 'dkim-key.activate', target(id), {
        selector: done.selector,
        recordFound: done.recordFound,
        ...(done.recordFound ? {} : { reason: body.force?.reason }),
      });
      return done.domain;
    },
  );

  app.delete(
    '/api/v1/sending-domains/:id/dkim-keys/:keyId',
    {
      schema: {
        tags,
        summary: 'Delete a key that was not activated yet or is over',
        params: DkimKeyParams,
        response: { 200: SendingDomain },
      },
    },
    (request) => {
      const { id, keyId } = request.params;
      const { domain, selector } = deleteDomainKey(deps, id, keyId);
      deps.audit(request, 'dkim-key.delete', target(id), { selector });
      return domain;
    },
  );
};
