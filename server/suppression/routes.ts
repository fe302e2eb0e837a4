import Type from 'typebox';
import { parseAddress } from '../../mta/index.ts';
import { Suppression, SuppressionCreate } from '../audience/schemas.ts';
import type { Routes } from '../deps.ts';
import { AppError } from '../errors.ts';
import { readCursor } from '../http/paging.ts';
import { IdParams, Page, PageQuery } from '../schemas.ts';
import { listSuppressions, suppress, unsuppress } from './suppress.ts';

const tags = ['suppressions'];
const Query = Type.Object({
  ...PageQuery.properties,
  /** the beginning of an address; the whole address finds an erased person's entry */
  q: Type.Optional(Type.String({ maxLength: 320 })),
});

export const suppressionRoutes: Routes = (app, deps) => {
  app.get(
    '/api/v1/suppressions',
    {
      schema: {
        tags,
        summary: 'Addresses that are not mailed, newest first',
        querystring: Query,
        response: { 200: Page(Suppression) },
      },
    },
    ({ query }) =>
      listSuppressions(deps.db, { limit: query.limit ?? 50, beforeId: readCursor(query.cursor), q: query.q }),
  );

  app.post(
    '/api/v1/suppressions',
    {
      schema: {
        tags,
        summary: 'Stop mail to an address, queued mail included',
        description: '200 with the existing entry when the address is already suppressed in this scope.',
        body: SuppressionCreate,
        response: { 200: Suppression, 201: Suppression },
      },
    },
    (request, reply) => {
      const { email, scope = 'all', note } = request.body;
      const parsed = parseAddress(email);
      if (!parsed.ok) {
        throw new AppError('address-invalid', parsed.message, [
          { pointer: '/email', code: parsed.code, message: parsed.message, value: email },
        ]);
      }
      const { suppression, added } = suppress(deps.db, deps.spool, {
        email: parsed.address,
        scope,
        note,
        reason: 'manual',
        origin: 'manual',
        at: Date.now(),
      });
      if (added) {
        deps.mta.send({ type: 'stops' });
        deps.audit(request, 'suppression.create', `suppression:${suppression.id}`, { scope });
      }
      reply.code(added ? 201 : 200);
      return suppression;
    },
  );

  app.delete(
    '/api/v1/suppressions/:id',
    {
      schema: {
        tags,
        summary: 'Allow mail to the address again',
        params: IdParams,
        response: { 204: Type.Null() },
      },
    },
    (request, reply) => {
      const { id } = request.params;
      unsuppress(deps.db, deps.spool, id);
      deps.mta.send({ type: 'stops' });
      deps.audit(request, 'suppression.delete', `suppression:${id}`);
      reply.code(204);
      return null;
    },
  );
};
