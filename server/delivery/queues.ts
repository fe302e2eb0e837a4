/** What waits and why: the spool's counts with the MTA's live report laid over them. */
import {
  createProfiles,
  type Profiles,
  parseAddress,
  type QueueFilter,
  type QueueLine,
  type Spool,
} from '../../mta/index.ts';
import { routes } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { iso } from '../schemas.ts';
import { listControls } from './controls.ts';
import {
  foldProviders,
  GENERIC,
  mergeLines,
  showLine,
  showRelay,
  showSite,
  showSource,
  showThrottle,
} from './queue-view.ts';
import type { QueueQuery, Queues } from './schemas.ts';

type Context = Pick<Deps, 'db' | 'spool' | 'mta'>;

/** The biggest lines: those that the MTA is asked about each second while somebody looks, and that filters look through. */
const LOOKED_AT = 1000;
const MAX_LINES = 500;
/** Bytes go to every open screen once a second. */
const LIVE = { lines: 100, sites: 60, others: 100, replies: { count: 2, length: 300 } };
const WHOLE = { count: 5, length: 4000 };

/**
 * All filters hold for `items`; `provider` also for sites, providers and throttles, `waiting` also for sites. What the queue
 * itself knows (`domain`, `search`, `class`) is found wherever it is, what only the MTA knows (`provider`, `waiting`) among the
 * biggest lines: `among` tells. `domain` and `search` are as typed or A-labels.
 */
export async function queues(deps: Context, query: QueueQuery = {}): Promise<Queues> {
  const { provider, waiting, limit = MAX_LINES, offset = 0 } = query;
  const filter = filterOf(query);
  const all = await collect(deps, filter);
  const ofProvider = (each: { provider: string }) => provider === undefined || each.provider === provider;
  const ofReason = (each: { waiting: string }) => waiting === undefined || each.waiting === waiting;
  const known = provider === undefined && waiting === undefined;
  const lines = all.lines.filter((line) => ofProvider(line) && ofReason(line));
  const items =
    known && all.cut && offset + limit > lines.length
      ? await all.ask(deps.spool.queueLines(limit, filter, offset))
      : lines.slice(offset, offset + limit);
  const sites = all.sites.map((site) => showSite(site, all.head.stopped, WHOLE));
  const shown = sites.filter((site) => ofProvider(site) && ofReason(site));
  const throttles = all.throttles.filter(ofProvider);
  const providers = foldProviders(
    all.lines.filter(ofProvider),
    all.sites.filter(ofProvider),
    throttles,
    all.labelOf,
  );
  const view = { ...all.shown, items: items.map(showLine), providers, sites: shown };
  const size = known && all.cut ? deps.spool.queueSize(filter) : sizeOf(lines);
  return {
    ...all.head,
    ...view,
    throttles: throttles.map(showThrottle),
    totals: totalsOf({ ...view, throttles }, size, known ? all.siteCount : shown.length),
    among: all.cut ? LOOKED_AT : null,
  };
}

/** The same, unfiltered and short, for the live event `queues`. */
export async function liveQueues(deps: Context): Promise<Queues> {
  const { head, lines, cut, sites, siteCount, throttles, shown, labelOf } = await collect(deps, {});
  const providers = foldProviders(lines, sites, throttles, labelOf);
  return {
    ...head,
    items: lines.slice(0, LIVE.lines).map(showLine),
    providers: providers.slice(0, LIVE.others),
    sites: sites.slice(0, LIVE.sites).map((site) => showSite(site, head.stopped, LIVE.replies)),
    throttles: throttles.slice(0, LIVE.others).map(showThrottle),
    sources: shown.sources.slice(0, LIVE.others),
    relays: shown.relays.slice(0, LIVE.others),
    problems: shown.problems.slice(0, LIVE.others),
    controls: shown.controls.slice(0, LIVE.others),
    totals: totalsOf(
      { ...shown, providers, throttles },
      cut ? countedNow(deps.spool) : sizeOf(lines),
      siteCount,
    ),
    among: cut ? LOOKED_AT : null,
  };
}

type Size = ReturnType<Spool['queueSize']>;

const sizeOf = (lines: readonly { domain: string }[]): Size => ({
  lines: lines.length,
  domains: new Set(lines.map(({ domain }) => domain)).size,
});

function totalsOf(
  lists: Record<
    'providers' | 'sources' | 'relays' | 'problems' | 'controls' | 'throttles',
    readonly unknown[]
  >,
  { lines, domains }: Size,
  sites: number,
): Queues['totals'] {
  const { providers, sources, relays, problems, controls, throttles } = lists;
  return {
    items: lines,
    domains,
    sites,
    providers: providers.length,
    sources: sources.length,
    relays: relays.length,
    problems: problems.length,
    controls: controls.length,
    throttles: throttles.length,
  };
}

/** share of the time that counting may take: a long queue is not counted anew each second */
const COUNTING = 0.01;
const counted = new WeakMap<Spool, { until: number; size: Size }>();
function countedNow(spool: Spool): Size {
  const begun = performance.now();
  const known = counted.get(spool);
  if (known && begun < known.until) return known.size;
  const size = spool.queueSize();
  const now = performance.now();
  counted.set(spool, { until: now + (now - begun) / COUNTING, size });
  return size;
}

const filterOf = ({ domain, search, class: kind }: QueueQuery): QueueFilter => ({
  domain: domain === undefined ? undefined : asciiDomain(domain),
  search: search === undefined ? undefined : asciiDomain(search),
  class: kind,
});

async function collect({ db, spool, mta }: Context, filter: QueueFilter) {
  const found = spool.queueLines(LOOKED_AT + 1, filter);
  const stopped = spool.stopped();
  const settings = spool.settings();
  const profiles = profilesOf(settings?.shaping);
  /** Lays over them what the MTA knows of them. */
  const ask = async (lines: typeof found): Promise<QueueLine[]> => {
    const domains = [...new Set(lines.map(({ domain }) => domain))];
    const reports = domains.length === 0 ? [] : await mta.lines(domains);
    return mergeLines(lines, reports, stopped, (name) => wellKnown(profiles, name));
  };
  const lines = await ask(found.slice(0, LOOKED_AT));
  const status = mta.status();
  const byId = new Map(
    db
      .select({ id: routes.id, match: routes.match })
      .from(routes)
      .all()
      .map(({ id, match }) => [id, match]),
  );
  return {
    head: {
      mode: status?.mode ?? settings?.mode ?? ('sandbox' as const),
      stopped,
      running: status !== undefined,
      perSecond: status?.perSecond ?? 0,
      queued: spool.queued(),
      inFlight: status?.inFlight ?? 0,
      connections: status?.connections ?? 0,
      rssMB: Math.round(status?.rssMB ?? 0),
    },
    lines,
    /** there are more */
    cut: found.length > LOOKED_AT,
    ask,
    sites: status?.sites ?? [],
    siteCount: status?.siteCount ?? 0,
    throttles: spool.throttles(),
    labelOf: (provider: string) => profiles.named(provider)?.label ?? provider,
    shown: {
      sources: (status?.sources ?? []).map(showSource),
      relays: (status?.relays ?? []).map((relay) => showRelay(relay, byId.get(relay.routeId) ?? '')),
      problems: (status?.problems ?? []).map((problem) => ({ ...problem, since: iso(problem.since) })),
      controls: listControls({ db, spool }),
    },
  };
}

/** As the queue holds it; what is no domain is in no queue. */
function asciiDomain(typed: string): string {
  const parsed = parseAddress(`x@${typed.trim()}`);
  return parsed.ok ? parsed.domain : typed.trim().toLowerCase();
}

/** Of a domain that the MTA has not looked up yet: only what its name tells. */
function wellKnown(profiles: Profiles, domain: string): string {
  const { provider } = profiles.for({ domain, mxHosts: [] });
  return provider === GENERIC ? '' : provider;
}

/** They compile dozens of patterns, and change only with the settings. */
let made: { from: string; profiles: Profiles } | undefined;
function profilesOf(overrides: Parameters<typeof createProfiles>[0]): Profiles {
  const from = JSON.stringify(overrides ?? []);
  if (made?.from !== from) made = { from, profiles: createProfiles(overrides) };
  return made.profiles;
}

/** Emergency stop: at once for every class; survives restarts until `stopped` is taken back. */
export async function setStopped(deps: Context & Pick<Deps, 'live'>, stopped: boolean): Promise<void> {
  deps.spool.setStopped(stopped);
  deps.mta.send({ type: 'settings' });
  deps.live.publish({ type: 'queues', data: await liveQueues(deps) });
}
