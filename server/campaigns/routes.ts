/** HTTP for campaigns: reads requests, calls the logic, writes the audit log. */
import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { Deps, Routes } from '../deps.ts';
import { AppError, type FieldError } from '../errors.ts';
import { readCursor } from '../http/paging.ts';
import { Id, IdParams, Page, readTime } from '../schemas.ts';
import { countAudience } from './audience.ts';
import { findLists } from './content.ts';
import {
  cancelCampaign,
  deleteCampaign,
  duplicateCampaign,
  pauseCampaign,
  resumeCampaign,
  scheduleCampaign,
  unscheduleCampaign,
} from './lifecycle.ts';
import { PREVIEW_CSP, preview } from './preview.ts';
import { overview, report } from './report.ts';
import {
  Audience,
  Campaign,
  CampaignCreate,
  CampaignPatch,
  CampaignQuery,
  CampaignSummary,
  Overview,
  Preflight,
  Preview,
  PreviewBody,
  Report,
  ScheduleBody,
  StartBody,
  TestBody,
  TestResult,
} from './schemas.ts';
import { checkCampaign, startCampaign } from './start.ts';
import {
  type CampaignFields,
  type CampaignRow,
  createCampaign,
  editCampaign,
  getCampaign,
  listCampaigns,
  poolExists,
} from './store.ts';
import { sendTest } from './test-send.ts';
import { detail, summaries } from './view.ts';

const BASE = '/api/v1/campaigns';
const ONE = `${BASE}/:id`;

export const campaignRoutes: Routes = (app, deps) => {
  const { db, spool } = deps;
  const show = (row: CampaignRow): Campaign => detail(db, spool, row);
  const one = { params: IdParams, response: { 200: Campaign } };

  app.get(
    BASE,
    {
      schema: {
        summary: 'List campaigns, newest first',
        querystring: CampaignQuery,
        response: { 200: Page(CampaignSummary) },
      },
    },
    async (request) => {
      const { limit = 50, cursor, state, q } = request.query;
      const rows = listCampaigns(db, { state, q }, readCursor(cursor), limit);
      return {
        items: summaries(db, spool, rows),
        nextCursor: rows.length === limit ? String(rows.at(-1)!.id) : null,
      };
    },
  );

  app.post(
    BASE,
    { schema: { summary: 'Create a draft', body: CampaignCreate, response: { 201: Campaign } } },
    async (request, reply) => {
      const fields = fieldsOf(deps, request.body);
      const row = createCampaign(db, { ...fields, name: request.body.name }, request.actor?.name ?? '');
      deps.audit(request, 'campaign.create', target(row.id), { name: row.name });
      return reply.code(201).send(show(row));
    },
  );

  app.get(ONE, { schema: { summary: 'Read a campaign with its content', ...one } }, async (request) =>
    show(getCampaign(db, request.params.id)),
  );

  app.patch(ONE, { schema: { summary: 'Change a draft', body: CampaignPatch, ...one } }, async (request) => {
    const { revision, ...body } = request.body;
    const fields = fieldsOf(deps, body);
    const row = editCampaign(db, request.params.id, fields, revision);
    deps.audit(request, 'campaign.edit', target(row.id), {
      fields: Object.keys(fields),
      revision: row.revision,
    });
    return show(row);
  });

  app.delete(
    ONE,
    { schema: { summary: 'Delete a draft', params: IdParams, response: { 204: Type.Null() } } },
    async (request, reply) => {
      const { name } = getCampaign(db, request.params.id);
      deleteCampaign(deps, request.params.id);
      deps.audit(request, 'campaign.delete', target(request.params.id), { name });
      return reply.code(204).send(null);
    },
  );

  app.get(
    `${ONE}/audience`,
    {
      schema: {
        summary: 'Count who would get it now, and who would not and why',
        params: IdParams,
        response: { 200: Audience },
      },
    },
    async (request) => countAudience(db, getCampaign(db, request.params.id).listIds),
  );

  app.get(
    `${ONE}/preflight`,
    { schema: { summary: 'Check it as a start would', params: IdParams, response: { 200: Preflight } } },
    async (request) => ({ findings: await checkCampaign(deps, getCampaign(db, request.params.id)) }),
  );

  app.post(
    `${ONE}/preview`,
    {
      schema: {
        summary: 'Render it as one person would get it',
        params: IdParams,
        body: PreviewBody,
        response: { 200: Preview },
      },
    },
    async (request) => {
      const { subscriberId, ...content } = request.body;
      mayUsePerson(request, subscriberId);
      return preview(db, { ...getCampaign(db, request.params.id), ...content }, subscriberId);
    },
  );

  app.get(
    `${ONE}/preview.html`,
    {
      schema: {
        summary: 'The HTML part alone, for a frame: its own policy allows images and styles, nothing else',
        params: IdParams,
        querystring: Type.Object({
          subscriberId: Type.Optional(Id),
          /** only makes the address new, so that a frame loads again after a change */
          rev: Type.Optional(Type.Integer()),
        }),
      },
    },
    async (request, reply) => {
      mayUsePerson(request, request.query.subscriberId);
      const rendered = preview(db, getCampaign(db, request.params.id), request.query.subscriberId);
      return reply
        .header('content-security-policy', PREVIEW_CSP)
        .header('cache-control', 'no-store')
        .type('text/html; charset=utf-8')
        .send(rendered.html);
    },
  );

  app.post(
    `${ONE}/test`,
    {
      schema: {
        summary: 'Send it to a few addresses as a test',
        params: IdParams,
        body: TestBody,
        response: { 202: TestResult },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      mayUsePerson(request, request.body.subscriberId);
      const accepted = sendTest(deps, getCampaign(db, id), request.body);
      deps.audit(request, 'campaign.test', target(id), { recipients: accepted });
      return reply.code(202).send({ accepted });
    },
  );

  app.post(
    `${ONE}/start`,
    { schema: { summary: 'Send it now', body: StartBody, ...one } },
    async (request) => {
      const overrides = request.body.overrides ?? [];
      const row = await startCampaign(deps, request.params.id, { overrides, now: Date.now() });
      deps.audit(request, 'campaign.start', target(row.id), overrides.length > 0 ? { overrides } : {});
      return show(row);
    },
  );

  app.post(
    `${ONE}/schedule`,
    { schema: { summary: 'Send it at a time', body: ScheduleBody, ...one } },
    async (request) => {
      const { at, overrides = [] } = request.body;
      const row = await scheduleCampaign(deps, request.params.id, {
        at: readTime(at, '/at'),
        now: Date.now(),
        overrides,
      });
      deps.audit(request, 'campaign.schedule', target(row.id), {
        at,
        ...(overrides.length > 0 ? { overrides } : {}),
      });
      return show(row);
    },
  );

  const moves = {
    unschedule: { summary: 'Make a scheduled campaign a draft again', move: unscheduleCampaign },
    pause: { summary: 'Hold what is unsent back', move: pauseCampaign },
    resume: { summary: 'Go on after a pause', move: resumeCampaign },
    cancel: { summary: 'Stop for good; what is unsent is never sent', move: cancelCampaign },
  };
  for (const [action, { summary, move }] of Object.entries(moves)) {
    app.post(`${ONE}/${action}`, { schema: { summary, ...one } }, async (request) => {
      const row = move(deps, request.params.id);
      deps.audit(request, `campaign.${action}`, target(row.id));
      return show(row);
    });
  }

  app.post(
    `${ONE}/duplicate`,
    {
      schema: {
        summary: 'Make a new draft of it',
        params: IdParams,
        response: { 201: Campaign },
      },
    },
    async (request, reply) => {
      const row = duplicateCampaign(deps, request.params.id, request.actor?.name ?? '');
      deps.audit(request, 'campaign.duplicate', target(row.id), { from: request.params.id });
      return reply.code(201).send(show(row));
    },
  );

  app.get(
    `${ONE}/report`,
    { schema: { summary: 'Read what came of it', params: IdParams, response: { 200: Report } } },
    async (request) => report(db, spool, getCampaign(db, request.params.id)),
  );

  app.get(
    '/api/v1/overview',
    { schema: { summary: 'The home screen', response: { 200: Overview } } },
    async () => overview(db, spool, Date.now()),
  );
};

const target = (id: number): string => `campaign:${id}`;

/** Content can print all that a person has: whoever names one must be allowed to read them. */
function mayUsePerson({ actor }: FastifyRequest, subscriberId: number | undefined): void {
  if (subscriberId === undefined || actor?.scopes.includes('audience:read')) return;
  throw new AppError('forbidden', 'subscriberId needs audience:read');
}

/** @throws AppError `value-invalid` for lists and pools that do not exist */
function fieldsOf(deps: Pick<Deps, 'db'>, body: Partial<Campaign>): Partial<CampaignFields> {
  const { from, listIds, ...rest } = body;
  if (listIds) {
    const known = new Set(findLists(deps.db, listIds).map(({ id }) => id));
    const errors = listIds.flatMap((id, position): FieldError[] =>
      known.has(id)
        ? []
        : [
            {
              pointer: `/listIds/${position}`,
              code: 'list-unknown',
              message: `List ${id} does not exist`,
              value: id,
            },
          ],
    );
    if (errors.length > 0) throw new AppError('value-invalid', errors[0]!.message, errors);
  }
  const { name, subject, replyTo, html, text, trackOpens, trackClicks, poolId } = rest;
  if (typeof poolId === 'number' && !poolExists(deps.db, poolId)) {
    const message = `IP pool ${poolId} does not exist`;
    throw new AppError('value-invalid', message, [
      { pointer: '/poolId', code: 'not-found', message, value: poolId },
    ]);
  }
  const fields: Partial<CampaignFields> = {
    name,
    subject,
    replyTo,
    html,
    text,
    trackOpens,
    trackClicks,
    poolId,
    fromName: from?.name,
    fromAddress: from?.address,
    listIds: listIds && [...new Set(listIds)],
  };
  // What was not given stays as it is.
  for (const key of Object.keys(fields) as (keyof CampaignFields)[]) {
    if (fields[key] === undefined) delete fields[key];
  }
  return fields;
}
