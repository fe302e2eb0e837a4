import Type from 'typebox';
import { createSecureResolver, Days } from '../../mta/index.ts';
import type { Deps, Routes } from '../deps.ts';
import { AppError, invalid } from '../errors.ts';
import { IdParams, Page } from '../schemas.ts';
import { readSettings } from '../settings/settings.ts';
import {
  Rfc8460Report,
  TlsReportParams,
  TlsReportQuery,
  TlsReports,
  TlsRule,
  TlsRuleCreate,
  TlsRulePatch,
  TlsStatus,
} from './schemas.ts';
import { dayBefore, foldReports, reportFileName, rfc8460Report } from './tls-reports.ts';
import { createTlsRule, deleteTlsRule, listTlsRules, patchTlsRule } from './tls-rules.ts';

/** days of reports that are shown when nobody says otherwise */
const SHOWN = 7;

/** How sessions are encrypted: rules, what came of them, and what the resolver can do. */
export const tlsRoutes: Routes = (app, deps) => {
  const target = (id: number): string => `tls-rule:${id}`;
  const described = ({ match, mode }: TlsRule) => ({ match, mode });

  app.get(
    '/api/v1/tls-rules',
    { schema: { summary: 'All TLS rules', response: { 200: Page(TlsRule) } } },
    () => ({ items: listTlsRules(deps), nextCursor: null }),
  );

  app.post(
    '/api/v1/tls-rules',
    {
      schema: {
        summary: 'Say how mail for a domain is encrypted',
        body: TlsRuleCreate,
        response: { 201: TlsRule },
      },
    },
    async (request, reply) => {
      const rule = createTlsRule(deps, request.body);
      deps.publishDelivery();
      deps.audit(request, 'tls-rule.create', target(rule.id), described(rule));
      return reply.code(201).send(rule);
    },
  );

  app.patch(
    '/api/v1/tls-rules/:id',
    {
      schema: {
        summary: 'Change a TLS rule',
        params: IdParams,
        body: TlsRulePatch,
        response: { 200: TlsRule },
      },
    },
    (request) => {
      const rule = patchTlsRule(deps, request.params.id, request.body);
      deps.publishDelivery();
      deps.audit(request, 'tls-rule.update', target(rule.id), described(rule));
      return rule;
    },
  );

  app.delete(
    '/api/v1/tls-rules/:id',
    {
      schema: {
        summary: 'Remove a TLS rule',
        params: IdParams,
        response: { 204: Type.Null({ description: 'Done' }) },
      },
    },
    async (request, reply) => {
      const rule = deleteTlsRule(deps, request.params.id);
      deps.publishDelivery();
      deps.audit(request, 'tls-rule.delete', target(rule.id), described(rule));
      return reply.code(204).send(null);
    },
  );

  app.get(
    '/api/v1/tls-reports',
    {
      schema: {
        summary: 'How sessions were encrypted, by day and recipient domain',
        querystring: TlsReportQuery,
        response: { 200: TlsReports },
      },
    },
    ({ query }) => {
      const { timeZone } = readSettings(deps.db, deps.config);
      const { from, to } = days(query, timeZone, Date.now());
      const rows = deps.spool.tlsReport(from, to, {
        domain: query.domain?.trim().toLowerCase(),
        limit: query.limit ?? 500,
      });
      return { from, to, items: foldReports(rows) };
    },
  );

  app.get(
    '/api/v1/tls-reports/:day/:domain',
    {
      schema: {
        summary: "One domain's report of a day in the form of RFC 8460",
        params: TlsReportParams,
        produces: ['application/tlsrpt+json'],
        response: { 200: Rfc8460Report },
      },
    },
    async ({ params }, reply) => {
      const { day } = params;
      const domain = params.domain.toLowerCase();
      const [found] = foldReports(deps.spool.tlsReport(day, day, { domain }));
      if (!found) throw new AppError('not-found', `No session with ${domain} on ${day}`);
      const { timeZone, organisation } = readSettings(deps.db, deps.config);
      const sender = { organisation, domain: deps.spool.settings()?.ehloName ?? 'localhost.localdomain' };
      const report = rfc8460Report(found, timeZone, sender);
      const fileName = reportFileName(report, found.policyDomain, sender.domain);
      reply
        .type('application/tlsrpt+json')
        .header('content-disposition', `attachment; filename="${fileName}"`);
      return report;
    },
  );

  app.get(
    '/api/v1/tls-status',
    {
      schema: {
        summary: "Whether recipients' own TLS policies are asked for, and can be",
        response: { 200: TlsStatus },
      },
    },
    () => tlsStatus(deps),
  );
};

/** As asked, else the last ones up to `to` or today. */
function days(
  query: { from?: string | undefined; to?: string | undefined },
  timeZone: string,
  now: number,
): { from: string; to: string } {
  const to = query.to ?? new Days(timeZone).dayOf(now);
  const from = query.from ?? dayBefore(to, SHOWN - 1);
  if (from > to) throw invalid('from', 'value-invalid', `must not be later than to (${to})`, from);
  return { from, to };
}

async function tlsStatus({ db, config }: Pick<Deps, 'db' | 'config'>): Promise<TlsStatus> {
  const validates = await createSecureResolver({ servers: config.dns }).validates();
  const servers = config.dns.length > 0 ? config.dns.join(', ') : "the system's resolver";
  const detail =
    validates === undefined
      ? `${servers} did not answer a question for the root's NS records`
      : validates
        ? `${servers} validates DNSSEC: the answer for the root's NS records had the AD bit`
        : `${servers} does not validate DNSSEC: the answer for the root's NS records had no AD bit. DANE needs a resolver that does; name one in TODOKE_DNS.`;
  return {
    ...readSettings(db, config).tls,
    resolver: {
      servers: config.dns,
      validates: validates ?? null,
      detail,
      checkedAt: new Date().toISOString(),
    },
  };
}
