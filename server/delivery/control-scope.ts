/** Which mail an order is about: the named thing must exist, as an order that touches nothing looks as if it had worked. */
import { eq } from 'drizzle-orm';
import ipaddr from 'ipaddr.js';
import { type ControlScope, createProfiles, parseAddress } from '../../mta/index.ts';
import { campaigns, ipSources, routes, sendingDomains } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { AppError, invalid } from '../errors.ts';
import type { QueueControlCreate } from './schemas.ts';

type Context = Pick<Deps, 'db' | 'spool'> & Partial<Pick<Deps, 'mta'>>;

/**
 * The order's scope and value in the MTA's words.
 * @throws AppError `value-invalid` with the field, `not-found` and `wrong-state` for campaigns
 */
export function checkScope(
  deps: Context,
  body: Pick<QueueControlCreate, 'scope' | 'value' | 'campaignId'>,
): { scope: ControlScope; value: string } {
  const { scope, campaignId } = body;
  const value = body.value?.trim() ?? '';
  if (scope !== 'campaign' && campaignId !== undefined)
    throw invalid('/campaignId', 'value-invalid', `does not belong to scope ${scope}`, campaignId);
  if (scope === 'campaign') return { scope: 'job', value: jobOf(deps, campaignId, value) };
  if (scope === 'all') {
    if (value !== '') throw invalid('/value', 'value-invalid', 'does not belong to scope all', value);
    return { scope, value };
  }
  if (value === '') throw invalid('/value', 'required', `must name the ${scope}`);
  return { scope, value: CHECKS[scope](deps, value) };
}

/** Each answers the value as the MTA compares it. */
const CHECKS: Record<
  Exclude<QueueControlCreate['scope'], 'all' | 'campaign'>,
  (deps: Context, value: string) => string
> = {
  // It may be named before its first mail is queued.
  domain: (_deps, value) => domainOf(value),
  'sending-domain': ({ db }, value) => {
    const domain = domainOf(value);
    if (!db.select().from(sendingDomains).where(eq(sendingDomains.domain, domain)).get())
      throw unknown('sending domain', value);
    return domain;
  },
  provider: ({ spool }, value) => {
    if (!createProfiles(spool.settings()?.shaping).named(value)) throw unknown('provider', value);
    return value;
  },
  source: ({ db, mta }, value) => {
    if (!ipaddr.isValid(value)) throw invalid('/value', 'ip-address', 'must be an IP address', value);
    const address = ipaddr.parse(value).toString();
    const known =
      db.select().from(ipSources).where(eq(ipSources.address, address)).get() ??
      mta?.status()?.sources.find((source) => source.address === address);
    if (!known) throw unknown('source', value);
    return address;
  },
  // A site comes and goes with its mail, so the form must do; a route's is known.
  site: ({ db, mta }, value) => {
    const route = /^route:(\d+)$/.exec(value);
    if (route) {
      if (
        !db
          .select()
          .from(routes)
          .where(eq(routes.id, Number(route[1])))
          .get()
      )
        throw unknown('route', value);
      return value;
    }
    if (/^mx:[a-z0-9._:,[\]-]+$/.test(value) || mta?.status()?.sites.some(({ site }) => site === value))
      return value;
    throw invalid('/value', 'value-invalid', "must be a site's key: mx:mail.example.jp or route:3", value);
  },
};

function jobOf({ db, spool }: Context, campaignId: number | undefined, value: string): string {
  if (value !== '') throw invalid('/value', 'value-invalid', 'does not belong to scope campaign', value);
  if (campaignId === undefined) throw invalid('/campaignId', 'required', 'must name the campaign');
  const campaign = db.select().from(campaigns).where(eq(campaigns.id, campaignId)).get();
  if (!campaign)
    throw invalid(
      '/campaignId',
      'not-found',
      `names campaign ${campaignId}, which does not exist`,
      campaignId,
    );
  const job = campaign.jobId === null ? undefined : spool.job(campaign.jobId);
  if (!job || (job.sealed && job.settled >= job.enqueued)) {
    throw new AppError('wrong-state', `Campaign ${campaignId} (${campaign.name}) has no mail in the queue`, [
      { pointer: '/campaignId', code: 'wrong-state', message: 'has no mail in the queue', value: campaignId },
    ]);
  }
  return String(job.id);
}

function domainOf(value: string): string {
  const parsed = parseAddress(`x@${value}`);
  if (!parsed.ok) throw invalid('/value', 'domain', 'must be a domain such as example.co.jp', value);
  return parsed.domain;
}

const unknown = (what: string, value: string): AppError =>
  invalid('/value', 'not-found', `names a ${what} that does not exist: ${value}`, value);
