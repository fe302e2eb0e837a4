/** What the queue screen works out of the server's report. Pure. */
import type { Control, Line, Queues, Site, Target, Throttle, WaitReason } from './types.ts';

type Tone = 'neutral' | 'accent' | 'ok' | 'warn' | 'bad';

/** How bad a reason to wait is: `bad` wants somebody to act, `warn` is out of the ordinary, the rest is everyday. */
export const TONES: Record<WaitReason, Tone> = {
  unknown: 'neutral',
  ready: 'ok',
  sending: 'accent',
  connecting: 'accent',
  resolving: 'accent',
  'retry-later': 'warn',
  'connection-limit': 'neutral',
  'connect-rate': 'neutral',
  'rate-limit': 'neutral',
  'provider-limit': 'neutral',
  'machine-limit': 'neutral',
  reserved: 'neutral',
  'warm-up': 'neutral',
  'quiet-minutes': 'neutral',
  suspended: 'warn',
  slowed: 'warn',
  'sending-domain-paused': 'bad',
  'site-dead': 'bad',
  'tls-unmet': 'bad',
  'relay-down': 'bad',
  'source-failed': 'bad',
  'no-pool': 'bad',
  'dns-failure': 'bad',
  'job-paused': 'warn',
  'paused-by-operator': 'warn',
  stopped: 'bad',
  'disk-full': 'bad',
};

/** Does the back-off hold for this site over this source, by itself or with all of its provider's? */
export const holdsAt = (
  { kind, source, site, provider }: Pick<Throttle, 'kind' | 'source' | 'site' | 'provider'>,
  at: Pick<Site, 'source' | 'site' | 'provider'>,
): boolean =>
  kind !== 'sending-domain' &&
  source === at.source &&
  (site === '' ? provider === at.provider : site === at.site);

/** In sandbox mode there is one route, it is nobody's, and no order is about it. */
export const SANDBOX_ROUTE = 0;

/** `mx:a.example,b.example` → its hosts; `route:3` → the route's id. */
export function readSite(key: string): { hosts: string[] } | { routeId: number } {
  const route = /^route:(\d+)$/.exec(key);
  if (route) return { routeId: Number(route[1]) };
  return { hosts: key.replace(/^mx:/, '').split(',').filter(Boolean) };
}

/** Pauses that hold for just this, and those that hold for more and this with it. */
export function pausesOf(target: Target, controls: readonly Control[]): { own: Control[]; wider: Control[] } {
  const active = controls.filter(({ action, state }) => action === 'pause' && state === 'active');
  const own = active.filter(({ scope, value }) => scope === target.scope && value === target.value);
  const wider = target.scope === 'all' ? [] : active.filter(({ scope }) => scope === 'all');
  return { own, wider };
}

/**
 * An event may bring fewer rows than an answer: what it does not name stays as it was, unless it named all there are (`total`).
 * `key` is unique.
 */
export function overlay<T>(
  known: readonly T[],
  news: readonly T[],
  total: number,
  key: (row: T) => string | number,
): T[] {
  if (news.length >= total) return [...news];
  const named = new Set(news.map(key));
  return [...news, ...known.filter((row) => !named.has(key(row)))].slice(0, total);
}

/** An event brings only the newest replies of a site, and shortened: those known stay, newer ones come before them. */
export function mergeReplies(known: Site['replies'], news: Site['replies'], keep = 5): Site['replies'] {
  const newest = known[0]?.at ?? '';
  return [...news.filter(({ at }) => at > newest), ...known].slice(0, keep);
}

/** What is known, with an event laid over it. */
export function laidOver(known: Queues, news: Queues): Queues {
  const { totals } = news;
  const replies = new Map(known.sites.map((site) => [siteKey(site), site.replies]));
  const sites = news.sites.map((site) => ({
    ...site,
    replies: mergeReplies(replies.get(siteKey(site)) ?? [], site.replies),
  }));
  return {
    ...news,
    sites: overlay(known.sites, sites, totals.sites, siteKey),
    providers: overlay(known.providers, news.providers, totals.providers, ({ provider }) => provider),
    sources: overlay(known.sources, news.sources, totals.sources, ({ address }) => address),
    relays: overlay(
      known.relays,
      news.relays,
      totals.relays,
      (row) => `${row.routeId} ${row.host}:${row.port}`,
    ),
    throttles: overlay(known.throttles, news.throttles, totals.throttles, ({ id }) => id),
    controls: overlay(known.controls, news.controls, totals.controls, ({ id }) => id),
  };
}

export const lineKey = (line: Line) => `${line.domain}/${line.class}`;
export const siteKey = (site: Site) => `${site.site}|${site.source}`;
