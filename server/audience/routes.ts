/** Lists, attributes, people and their memberships. */

import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { App, Deps, Routes } from '../deps.ts';
import { readCursor } from '../http/paging.ts';
import { Id, IdParams, Page, PageQuery } from '../schemas.ts';
import { createAttribute, deleteAttribute, patchAttribute, readAttributes } from './attributes.ts';
import { eraseSubscriber } from './erase.ts';
import { createList, deleteList, patchList, readList, readLists } from './lists.ts';
import { requireMembership, subscribe, unsubscribe } from './membership.ts';
import {
  Attribute,
  AttributeCreate,
  AttributePatch,
  List,
  ListCreate,
  ListPatch,
  Membership,
  Subscriber,
  SubscriberCreate,
  SubscriberDetail,
  SubscriberPatch,
  SubscriberQuery,
  TimelineEntry,
} from './schemas.ts';
import { searchSubscribers } from './search.ts';
import { createSubscriber, patchSubscriber, readSubscriber } from './subscribers.ts';
import { readTimeline } from './timeline.ts';

const Gone = Type.Null({ description: 'Done' });
const MemberParams = Type.Object({ id: Id, subscriberId: Id });

export const audienceRoutes: Routes = (app, deps) => {
  listRoutes(app, deps);
  attributeRoutes(app, deps);
  subscriberRoutes(app, deps);
  memberRoutes(app, deps);
};

/** How consent given through this request is remembered. */
const sourceOf = (request: FastifyRequest): string => (request.actor?.kind === 'key' ? 'api' : 'ui');

function listRoutes(app: App, { db, audit }: Deps): void {
  const tags = ['lists'];
  app.get(
    '/api/v1/lists',
    {
      schema: { tags, summary: 'Lists, newest first', querystring: PageQuery, response: { 200: Page(List) } },
    },
    ({ query }) => readLists(db, readCursor(query.cursor), query.limit ?? 50),
  );
  app.post(
    '/api/v1/lists',
    { schema: { tags, summary: 'Make a list', body: ListCreate, response: { 201: List } } },
    (request, reply) => {
      const list = createList(db, request.body);
      audit(request, 'list.create', `list:${list.id}`, { name: list.name });
      reply.code(201);
      return list;
    },
  );
  app.get(
    '/api/v1/lists/:id',
    { schema: { tags, summary: 'One list', params: IdParams, response: { 200: List } } },
    ({ params }) => readList(db, params.id),
  );
  app.patch(
    '/api/v1/lists/:id',
    {
      schema: {
        tags,
        summary: 'Rename or describe a list',
        params: IdParams,
        body: ListPatch,
        response: { 200: List },
      },
    },
    (request) => {
      const list = patchList(db, request.params.id, request.body);
      audit(request, 'list.change', `list:${list.id}`, request.body);
      return list;
    },
  );
  app.delete(
    '/api/v1/lists/:id',
    {
      schema: { tags, summary: 'Delete a list; the people stay', params: IdParams, response: { 204: Gone } },
    },
    async (request, reply) => {
      await deleteList(db, request.params.id);
      audit(request, 'list.delete', `list:${request.params.id}`);
      reply.code(204);
      return null;
    },
  );
}

function attributeRoutes(app: App, { db, audit }: Deps): void {
  const tags = ['attributes'];
  app.get(
    '/api/v1/attributes',
    {
      schema: {
        tags,
        summary: 'All attributes, in the order in which they were made',
        description: 'There are 200 at most, so this is always one page.',
        querystring: PageQuery,
        response: { 200: Page(Attribute) },
      },
    },
    () => ({ items: readAttributes(db), nextCursor: null }),
  );
  app.post(
    '/api/v1/attributes',
    { schema: { tags, summary: 'Make an attribute', body: AttributeCreate, response: { 201: Attribute } } },
    (request, reply) => {
      const attribute = createAttribute(db, request.body);
      audit(request, 'attribute.create', `attribute:${attribute.id}`, { ...request.body });
      reply.code(201);
      return attribute;
    },
  );
  app.patch(
    '/api/v1/attributes/:id',
    {
      schema: {
        tags,
        summary: 'Change the label',
        params: IdParams,
        body: AttributePatch,
        response: { 200: Attribute },
      },
    },
    (request) => {
      const attribute = patchAttribute(db, request.params.id, request.body);
      audit(request, 'attribute.change', `attribute:${attribute.id}`, request.body);
      return attribute;
    },
  );
  app.delete(
    '/api/v1/attributes/:id',
    {
      schema: {
        tags,
        summary: "Delete an attribute and everybody's value",
        description:
          'Answers 409 `conflict` with one error for each use. `force=true` deletes although drafts or people use it, never while a scheduled or running campaign or an import does.',
        params: IdParams,
        querystring: Type.Object({ force: Type.Optional(Type.Boolean()) }),
        response: { 204: Gone },
      },
    },
    async (request, reply) => {
      await deleteAttribute(db, request.params.id, request.query.force ?? false);
      audit(request, 'attribute.delete', `attribute:${request.params.id}`);
      reply.code(204);
      return null;
    },
  );
}

function subscriberRoutes(app: App, deps: Deps): void {
  const { db, spool, audit } = deps;
  const tags = ['subscribers'];
  app.get(
    '/api/v1/subscribers',
    {
      schema: {
        tags,
        summary: 'People, newest first; with `q`, addresses that begin with it come first',
        querystring: SubscriberQuery,
        response: { 200: Page(Subscriber) },
      },
    },
    ({ query, socket }) =>
      searchSubscribers(db, { ...query, limit: query.limit ?? 50 }, () => socket.destroyed),
  );
  app.post(
    '/api/v1/subscribers',
    {
      schema: { tags, summary: 'Add a person', body: SubscriberCreate, response: { 201: SubscriberDetail } },
    },
    (request, reply) => {
      const subscriber = createSubscriber(db, spool, request.body, sourceOf(request), Date.now());
      audit(request, 'subscriber.create', `subscriber:${subscriber.id}`);
      reply.code(201);
      return subscriber;
    },
  );
  app.get(
    '/api/v1/subscribers/:id',
    { schema: { tags, summary: 'One person', params: IdParams, response: { 200: SubscriberDetail } } },
    ({ params }) => readSubscriber(db, params.id),
  );
  app.patch(
    '/api/v1/subscribers/:id',
    {
      schema: {
        tags,
        summary: 'Change a person',
        params: IdParams,
        body: SubscriberPatch,
        response: { 200: SubscriberDetail },
      },
    },
    (request) => {
      const { id } = request.params;
      const subscriber = patchSubscriber(db, spool, id, request.body, Date.now());
      deps.mta.send({ type: 'stops' });
      // Names of fields only: the log outlives an erasure.
      audit(request, 'subscriber.change', `subscriber:${id}`, { fields: Object.keys(request.body) });
      return subscriber;
    },
  );
  app.delete(
    '/api/v1/subscribers/:id',
    {
      schema: {
        tags,
        summary: 'Erase a person for good',
        description:
          'Everything that names them is overwritten, in the ledger too; counts stay. If they refused mail, only a keyed hash of the address stays, so that nobody mails them again.',
        params: IdParams,
        response: { 204: Gone },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const overwritten = await eraseSubscriber(db, spool, deps.config.dataDir, id, Date.now());
      deps.mta.send({ type: 'stops' });
      if (!overwritten)
        request.log.warn(
          { subscriber: id },
          'erased, but a long read keeps old bytes in a WAL file until its next checkpoint',
        );
      audit(request, 'subscriber.erase', `subscriber:${id}`, { overwritten });
      reply.code(204);
      return null;
    },
  );
  app.get(
    '/api/v1/subscribers/:id/timeline',
    {
      schema: {
        tags,
        summary: 'All that ever happened to a person, newest first',
        params: IdParams,
        querystring: PageQuery,
        response: { 200: Page(TimelineEntry) },
      },
    },
    ({ params, query }) =>
      readTimeline(db, spool, params.id, { limit: query.limit ?? 50, cursor: query.cursor }),
  );
}

function memberRoutes(app: App, deps: Deps): void {
  const { db, spool, audit } = deps;
  const tags = ['lists'];
  app.put(
    '/api/v1/lists/:id/members/:subscriberId',
    {
      schema: {
        tags,
        summary: 'Subscribe a person to the list, also one who left it',
        params: MemberParams,
        response: { 200: Membership },
      },
    },
    (request) => {
      const { id, subscriberId } = request.params;
      const membership = subscribe(db, spool, {
        subscriberId,
        listId: id,
        source: sourceOf(request),
        at: Date.now(),
      });
      deps.mta.send({ type: 'stops' });
      audit(request, 'member.subscribe', `subscriber:${subscriberId}`, { listId: id });
      return membership;
    },
  );
  app.delete(
    '/api/v1/lists/:id/members/:subscriberId',
    {
      schema: {
        tags,
        summary: 'Unsubscribe a person from the list, queued mail included',
        description: 'That they left is remembered: an import does not subscribe them again.',
        params: MemberParams,
        response: { 204: Gone },
      },
    },
    (request, reply) => {
      const { id, subscriberId } = request.params;
      requireMembership(db, subscriberId, id);
      unsubscribe(db, spool, { subscriberId, listId: id, source: sourceOf(request), at: Date.now() });
      deps.mta.send({ type: 'stops' });
      audit(request, 'member.unsubscribe', `subscriber:${subscriberId}`, { listId: id });
      reply.code(204);
      return null;
    },
  );
}
