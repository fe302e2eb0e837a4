import Type from 'typebox';
import { bindAddress, createResolver } from '../../mta/index.ts';
import type { Routes } from '../deps.ts';
import { IdParams, Page } from '../schemas.ts';
import { createPool, deletePool, getPool, listPools, patchPool, resetWarmUp } from './ip-pools.ts';
import {
  IpPool,
  IpPoolCreate,
  IpPoolPatch,
  SourceParams,
  SourceTest,
  SourceTestBody,
  WarmUpReset,
} from './schemas.ts';
import { testSource } from './source-test.ts';

const BASE = '/api/v1/ip-pools';
const ONE = `${BASE}/:id`;

/** IP pools and the addresses in them. */
export const ipPoolRoutes: Routes = (app, deps) => {
  const target = (id: number): string => `ip-pool:${id}`;
  /** for the audit log */
  const described = ({ name, sources }: IpPool) => ({
    name,
    sources: sources.map(({ address, ehlo, weight, warmUp }) =>
      warmUp ? { address, ehlo, weight, warmUp } : { address, ehlo, weight },
    ),
  });

  app.get(BASE, { schema: { summary: 'All IP pools', response: { 200: Page(IpPool) } } }, () => ({
    items: listPools(deps),
    nextCursor: null,
  }));

  app.post(
    BASE,
    { schema: { summary: 'Make an IP pool', body: IpPoolCreate, response: { 201: IpPool } } },
    async (request, reply) => {
      const pool = createPool(deps, request.body, Date.now());
      deps.publishDelivery();
      deps.audit(request, 'ip-pool.create', target(pool.id), described(pool));
      return reply.code(201).send(pool);
    },
  );

  app.post(
    `${BASE}/test`,
    {
      schema: {
        summary: 'Test an address: can it be bound, does its PTR give the EHLO name, does the name lead back',
        body: SourceTestBody,
        response: { 200: SourceTest },
      },
    },
    async (request) => {
      // A resolver of its own: whoever has just changed a record must not be shown what was remembered.
      const resolver = createResolver({ servers: deps.config.dns });
      return testSource(request.body, { bind: bindAddress, resolver }).finally(() => resolver.close());
    },
  );

  app.get(
    ONE,
    { schema: { summary: 'One IP pool', params: IdParams, response: { 200: IpPool } } },
    (request) => getPool(deps, request.params.id),
  );

  app.patch(
    ONE,
    {
      schema: {
        summary: 'Change an IP pool; `sources` replaces all of them',
        params: IdParams,
        body: IpPoolPatch,
        response: { 200: IpPool },
      },
    },
    (request) => {
      const pool = patchPool(deps, request.params.id, request.body, Date.now());
      deps.publishDelivery();
      deps.audit(request, 'ip-pool.update', target(pool.id), described(pool));
      return pool;
    },
  );

  app.delete(
    ONE,
    {
      schema: {
        summary: 'Remove an IP pool that nothing uses',
        params: IdParams,
        response: { 204: Type.Null({ description: 'Done' }) },
      },
    },
    async (request, reply) => {
      const pool = deletePool(deps, request.params.id);
      deps.publishDelivery();
      deps.audit(request, 'ip-pool.delete', target(pool.id), described(pool));
      return reply.code(204).send(null);
    },
  );

  app.post(
    `${ONE}/sources/:address/warm-up/reset`,
    {
      schema: {
        summary: 'Start the warm-up of an address anew, with one provider or with all',
        params: SourceParams,
        body: WarmUpReset,
        response: { 200: IpPool },
      },
    },
    (request) => {
      const { id, address } = request.params;
      const { provider } = request.body;
      const pool = resetWarmUp(deps, id, address, provider, Date.now());
      deps.publishDelivery();
      deps.audit(request, 'ip-pool.warm-up-reset', target(id), {
        address,
        ...(provider === undefined ? {} : { provider }),
      });
      return pool;
    },
  );
};
