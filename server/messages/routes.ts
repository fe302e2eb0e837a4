import Type from 'typebox';
import type { Actor, Deps, Routes } from '../deps.ts';
import { AppError, type FieldError } from '../errors.ts';
import { IdParams, Page, PageQuery } from '../schemas.ts';
import { acceptAll, acceptOne } from './accept.ts';
import { cancelMessage, getMessage, listMessages } from './read.ts';
import {
  Accepted,
  Message,
  MessageBody,
  type MessageInput,
  MessageQuery,
  MessageSummary,
  Template,
  TemplateCreate,
  TemplatePatch,
} from './schemas.ts';
import { changeTemplate, createTemplate, deleteTemplate, getTemplate, listTemplates } from './templates.ts';

const tags = ['messages'];
/** A mail of 25 MB in base64 within JSON, and what stands around it. */
const BODY_LIMIT = 40 * 1024 * 1024;

export const messageRoutes: Routes = (app, deps) => {
  app.post(
    '/api/v1/messages',
    {
      bodyLimit: BODY_LIMIT,
      schema: {
        tags,
        summary: 'Send a message to one person, or up to 1,000 messages at once',
        description:
          'Durable when it is answered: 202 with its id. A message that cannot be accepted is 422 with every mistake; of several (`messages`) each has its own answer in `items`. Send an Idempotency-Key, and a request that is repeated after a lost answer sends nothing twice. A suppressed address is refused with the reason (code `suppressed`).',
        body: MessageBody,
        response: { 202: Accepted },
      },
    },
    async (request, reply) => {
      const { messages, ...single } = request.body;
      const sender = { kind: request.actor!.kind, id: request.actor!.id } satisfies Pick<
        Actor,
        'kind' | 'id'
      >;
      reply.code(202);
      if (messages === undefined) return { id: await acceptOne(deps, sender, complete(single)) };
      const extra = Object.keys(single)[0];
      if (extra !== undefined) throw misplaced(extra);
      const results = await acceptAll(deps, sender, messages);
      return {
        items: results.map((result) => (result.ok ? { id: result.id } : { errors: result.errors })),
      };
    },
  );

  app.get(
    '/api/v1/messages',
    {
      schema: {
        tags,
        summary: 'Messages, newest first, and how far each has come',
        querystring: MessageQuery,
        response: { 200: Page(MessageSummary) },
      },
    },
    ({ query }) => listMessages(deps, query),
  );

  app.get(
    '/api/v1/messages/:id',
    {
      schema: {
        tags,
        summary: 'A message with its whole history',
        params: IdParams,
        response: { 200: Message },
      },
    },
    ({ params }) => getMessage(deps, params.id),
  );

  app.post(
    '/api/v1/messages/:id/cancel',
    {
      schema: {
        tags,
        summary: 'Stop what has not left',
        description: '409 `wrong-state` when all of it has left.',
        params: IdParams,
        response: { 200: Message },
      },
    },
    (request) => {
      const message = cancelMessage(deps, request.params.id);
      deps.audit(request, 'message.cancel', `message:${message.id}`);
      return message;
    },
  );
};

export const templateRoutes: Routes = (app, deps) => {
  const { db } = deps;
  app.get(
    '/api/v1/templates',
    {
      schema: { tags, summary: 'Templates', querystring: PageQuery, response: { 200: Page(Template) } },
    },
    ({ query }) => listTemplates(db, query),
  );
  app.post(
    '/api/v1/templates',
    { schema: { tags, summary: 'Add a template', body: TemplateCreate, response: { 201: Template } } },
    (request, reply) => {
      const template = createTemplate(db, request.body);
      audit(deps, request, 'create', template.id);
      reply.code(201);
      return template;
    },
  );
  app.get(
    '/api/v1/templates/:id',
    { schema: { tags, summary: 'A template', params: IdParams, response: { 200: Template } } },
    ({ params }) => getTemplate(db, params.id),
  );
  app.patch(
    '/api/v1/templates/:id',
    {
      schema: {
        tags,
        summary: 'Change a template',
        description: 'Messages that were accepted before keep what they had.',
        params: IdParams,
        body: TemplatePatch,
        response: { 200: Template },
      },
    },
    (request) => {
      const template = changeTemplate(db, request.params.id, request.body);
      audit(deps, request, 'change', template.id);
      return template;
    },
  );
  app.delete(
    '/api/v1/templates/:id',
    { schema: { tags, summary: 'Delete a template', params: IdParams, response: { 204: Type.Null() } } },
    (request, reply) => {
      deleteTemplate(db, request.params.id);
      audit(deps, request, 'delete', request.params.id);
      reply.code(204);
      return null;
    },
  );
};

function audit(deps: Deps, request: Parameters<Deps['audit']>[0], verb: string, id: number): void {
  deps.audit(request, `template.${verb}`, `template:${id}`);
}

/** The body is one of two forms, so what the single one requires is asked for here. @throws AppError `invalid-request` */
function complete(input: Partial<MessageInput>): MessageInput {
  const missing = (['from', 'to'] as const).filter((name) => input[name] === undefined);
  if (missing.length === 0) return input as MessageInput;
  const errors = missing.map(
    (name): FieldError => ({ pointer: `/${name}`, code: 'required', message: 'must be given' }),
  );
  throw new AppError('invalid-request', `${missing[0]} must be given`, errors);
}

function misplaced(name: string): AppError {
  const message = 'belongs into each of `messages`';
  return new AppError('invalid-request', `${name} ${message}`, [
    { pointer: `/${name}`, code: 'unknown-property', message },
  ]);
}
