/** How the queue screen puts together what the spool counts and what the MTA reports. Pure. */
import type { LineStatus, MtaStatus, QueueLine, Spool, Throttle } from '../../mta/index.ts';
import { iso, isoOrNull } from '../schemas.ts';
import type { QueueProvider, Queues, QueueThrottle } from './schemas.ts';

/** the profile of whoever has none */
export const GENERIC = 'generic';

/**
 * `stopped` when nothing may leave; without the MTA's report (it is down, or has not seen the mail yet) nobody knows why a line
 * waits, and `unknown` says so. The provider is the one that the MTA has found, or the one that the domain's name tells.
 */
export function mergeLines(
  queued: ReturnType<Spool['queueLines']>,
  reports: readonly LineStatus[],
  stopped: boolean,
  providerOf: (domain: string) => string = () => '',
): QueueLine[] {
  const byKey = new Map(reports.map((report) => [`${report.class} ${report.domain}`, report]));
  return queued.map((line) => {
    const report = byKey.get(`${line.class} ${line.domain}`);
    // What has not been looked up counts as generic.
    const found = report?.provider === GENERIC ? '' : report?.provider;
    return {
      ...line,
      provider: found || providerOf(line.domain) || report?.provider || '',
      waiting: stopped ? 'stopped' : (report?.waiting ?? 'unknown'),
      inFlight: report?.inFlight ?? 0,
      connections: report?.connections ?? 0,
      lastReply: report?.lastReply ?? '',
      lastReplyAt: report?.lastReplyAt ?? null,
    };
  });
}

/**
 * Depth from the lines, all else from the sites, since a site counts once however many domains share it. Relays are no
 * provider: what goes by them is seen among the sites and relays. Deepest first.
 */
export function foldProviders(
  lines: readonly QueueLine[],
  sites: MtaStatus['sites'],
  throttles: readonly Pick<Throttle, 'provider'>[],
  labelOf: (provider: string) => string,
): QueueProvider[] {
  const folded = new Map<string, QueueProvider>();
  const of = (provider: string): QueueProvider => {
    let found = folded.get(provider);
    if (!found) {
      found = {
        provider,
        label: labelOf(provider),
        queued: 0,
        due: 0,
        oldestAt: null,
        sites: 0,
        inFlight: 0,
        connections: 0,
        perSecond: 0,
        delivered: 0,
        deferred: 0,
        bounced: 0,
        throttles: 0,
      };
      folded.set(provider, found);
    }
    return found;
  };
  for (const line of lines) {
    const sum = of(line.provider);
    sum.queued += line.queued;
    sum.due += line.due;
    const oldest = isoOrNull(line.oldestAt);
    if (oldest !== null && (sum.oldestAt === null || oldest < sum.oldestAt)) sum.oldestAt = oldest;
  }
  const seen = new Set<string>();
  for (const site of sites) {
    if (site.provider === '') continue;
    const sum = of(site.provider);
    const key = `${site.provider} ${site.site}`;
    if (!seen.has(key)) sum.sites += 1;
    seen.add(key);
    sum.inFlight += site.inFlight;
    sum.connections += site.connections;
    sum.perSecond += site.perSecond;
    sum.delivered += site.delivered;
    sum.deferred += site.deferred;
    sum.bounced += site.bounced;
  }
  for (const { provider } of throttles) if (folded.has(provider)) of(provider).throttles += 1;
  return [...folded.values()].sort((a, b) => b.queued - a.queued || b.perSecond - a.perSecond);
}

export function showLine(line: QueueLine): Queues['items'][number] {
  return {
    ...line,
    oldestAt: isoOrNull(line.oldestAt),
    nextAt: isoOrNull(line.nextAt),
    lastReplyAt: isoOrNull(line.lastReplyAt),
  };
}

/** `replies`: at most so many, each cut to a length. */
export function showSite(
  site: MtaStatus['sites'][number],
  stopped: boolean,
  replies: { count: number; length: number },
): Queues['sites'][number] {
  return {
    ...site,
    waiting: stopped ? 'stopped' : site.waiting,
    waitingUntil: stopped ? null : isoOrNull(site.waitingUntil),
    replies: site.replies
      .slice(0, replies.count)
      .map(({ at, text }) => ({ at: iso(at), text: text.slice(0, replies.length) })),
  };
}

export function showSource(source: MtaStatus['sources'][number]): Queues['sources'][number] {
  return { ...source, since: iso(source.since), warmUps: source.warmUps.map(({ source: _, ...row }) => row) };
}

export function showRelay(relay: MtaStatus['relays'][number], match: string): Queues['relays'][number] {
  return { ...relay, match, since: iso(relay.since), checkedAt: isoOrNull(relay.checkedAt) };
}

export const showThrottle = (throttle: Throttle): QueueThrottle => ({
  ...throttle,
  since: iso(throttle.since),
  until: isoOrNull(throttle.until),
});
