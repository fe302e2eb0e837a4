/** What waits and why: the spool's counts with the MTA's live report laid over them. */
import { createProfiles, type Profiles, parseAddress } from '../../mta/index.ts';
import { routes } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { iso } from '../schemas.ts';
import { listControls } from './controls.ts';
import {
  foldProviders,
  mergeLines,
  showLine,
  showRelay,
  showSite,
  showSource,
  showThrottle,
} from './queue-view.ts';
import type { QueueQuery, Queues } from './schemas.ts';

type Context = Pick<Deps, 'db' | 'spool' | 'mta'>;

/** Lines that are looked at; an appliance that mails more domains than this has a long tail of ones. */
const LOOKED_AT = 2000;
const MAX_LINES = 500;
/** Bytes go to every open screen once a second. */
const LIVE = { lines: 100, sites: 60, others: 100, replies: { count: 2, length: 300 } };
const WHOLE = { count: 5, length: 4000 };

/**
 * Filters hold for `items`; `provider` also for sites, providers and throttles, `waiting` also for sites.
 * `domain` is as typed or an A-label.
 */
export function queues(deps: Context, query: QueueQuery = {}): Queues {
  const { provider, waiting } = query;
  const all = collect(deps, query.domain === undefined ? undefined : asciiDomain(query.domain));
  const ofProvider = (each: { provider: string }) => provider === undefined || each.provider === provider;
  const ofReason = (each: { waiting: string }) => waiting === undefined || each.waiting === waiting;
  const lines = all.lines.filter((line) => ofProvider(line) && ofReason(line));
  const sites = all.sites.filter(ofProvider);
  const throttles = all.throttles.filter(ofProvider);
  return {
    ...all.head,
    items: lines.slice(0, query.limit ?? MAX_LINES).map(showLine),
    providers: foldProviders(lines, sites, throttles, all.labelOf),
    sites: sites.map((site) => showSite(site, all.head.stopped, WHOLE)).filter(ofReason),
    throttles: throttles.map(showThrottle),
    ...all.shown,
  };
}

/** The same, unfiltered and short, for the live event `queues`. */
export function liveQueues(deps: Context): Queues {
  const { head, lines, sites, throttles, shown, labelOf } = collect(deps, undefined);
  return {
    ...head,
    items: lines.slice(0, LIVE.lines).map(showLine),
    providers: foldProviders(lines, sites, throttles, labelOf).slice(0, LIVE.others),
    sites: sites.slice(0, LIVE.sites).map((site) => showSite(site, head.stopped, LIVE.replies)),
    throttles: throttles.slice(0, LIVE.others).map(showThrottle),
    sources: shown.sources.slice(0, LIVE.others),
    relays: shown.relays.slice(0, LIVE.others),
    problems: shown.problems.slice(0, LIVE.others),
    controls: shown.controls.slice(0, LIVE.others),
  };
}

function collect({ db, spool, mta }: Context, domain: string | undefined) {
  const status = mta.status();
  const settings = spool.settings();
  const stopped = spool.stopped();
  const profiles = profilesOf(settings?.shaping);
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
    lines: mergeLines(spool.queueLines(LOOKED_AT, domain), status?.lines ?? [], stopped, (name) =>
      wellKnown(profiles, name),
    ),
    sites: status?.sites ?? [],
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
  return provider === 'generic' ? '' : provider;
}

/** They compile dozens of patterns, and change only with the settings. */
let made: { from: string; profiles: Profiles } | undefined;
function profilesOf(overrides: Parameters<typeof createProfiles>[0]): Profiles {
  const from = JSON.stringify(overrides ?? []);
  if (made?.from !== from) made = { from, profiles: createProfiles(overrides) };
  return made.profiles;
}

/** Emergency stop: at once for every class; survives restarts until `stopped` is taken back. */
export function setStopped(deps: Context & Pick<Deps, 'live'>, stopped: boolean): void {
  deps.spool.setStopped(stopped);
  deps.mta.send({ type: 'settings' });
  deps.live.publish({ type: 'queues', data: liveQueues(deps) });
}
