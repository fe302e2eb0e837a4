/** What the MTA tells of itself once a second. */

import type { Sources } from '../routing/sources.ts';
import type { MtaStatus, SiteStatus, SourceStatus } from '../types.ts';
import type { Bucket } from './bucket.ts';
import type { Lane } from './lane.ts';
import type { LaneSources } from './lane-sources.ts';
import type { Outlets } from './outlets.ts';
import { busier, type WaitingWorld, waitingOf, waitingOfLane } from './waiting.ts';

const LINES = 500;
const SITES = 200;

/** Buckets by domain and class: those with mail on its way first, at most 500 lines however many domains there are. */
export function statusLines(buckets: Iterable<Bucket>, world: WaitingWorld): MtaStatus['lines'] {
  const lines = new Map<string, MtaStatus['lines'][number]>();
  for (const bucket of buckets) {
    const { inFlight } = bucket;
    // Of a hundred thousand domains those with mail on its way are told of, then some of the others.
    const full = inFlight === 0 && lines.size >= LINES;
    const key = `${bucket.job.class} ${bucket.domain}`;
    const line = lines.get(key);
    if (line) {
      line.inFlight += inFlight;
      line.connections = Math.max(line.connections, bucket.site?.connections ?? 0);
      line.waiting = busier(line.waiting, waitingOf(bucket, world).reason);
      if ((bucket.lastReplyAt ?? 0) > (line.lastReplyAt ?? 0)) {
        line.lastReply = bucket.lastReply;
        line.lastReplyAt = bucket.lastReplyAt;
      }
    } else if (!full) {
      lines.set(key, {
        domain: bucket.domain,
        class: bucket.job.class,
        provider: bucket.provider,
        waiting: waitingOf(bucket, world).reason,
        inFlight,
        connections: bucket.site?.connections ?? 0,
        lastReply: bucket.lastReply,
        lastReplyAt: bucket.lastReplyAt,
      });
    }
  }
  return [...lines.values()].sort((a, b) => b.inFlight - a.inFlight).slice(0, LINES);
}

/** Lanes that do something, did or cannot: those with connections first, at most 200. */
export function statusSites(lanes: Iterable<Lane>, world: WaitingWorld): SiteStatus[] {
  const shown: { lane: Lane; busy: boolean }[] = [];
  for (const lane of lanes) {
    let busy = false;
    for (const line of lane.lines) for (const group of line.groups) busy ||= group.busy;
    if (busy || lane.couriers.size > 0 || lane.throttle || lane.settled > 0) shown.push({ lane, busy });
  }
  return shown
    .sort(
      (a, b) =>
        b.lane.couriers.size - a.lane.couriers.size ||
        Number(b.busy) - Number(a.busy) ||
        b.lane.settled - a.lane.settled,
    )
    .slice(0, SITES)
    .map(({ lane }) => siteStatus(lane, world));
}

function siteStatus(lane: Lane, world: WaitingWorld): SiteStatus {
  const { site, stats } = lane;
  const { reason, until } = waitingOfLane(lane, world);
  const domains = new Set<string>();
  for (const line of lane.lines)
    for (const group of line.groups) for (const { domain } of group) domains.add(domain);
  return {
    site: site.spec.key,
    provider: site.spec.profile?.provider ?? '',
    source: lane.source.address,
    waiting: reason,
    waitingUntil: until,
    domains: domains.size,
    inFlight: lane.carrying,
    connections: lane.couriers.size,
    connectionsAllowed: Math.max(1, Math.floor(Math.min(lane.allowed, lane.connectionsLimit))),
    connectionsLimit: lane.connectionsLimit,
    ratePerSecond: lane.ratePerSecond,
    perSecond: stats.perSecond(world.wall),
    delivered: stats.delivered,
    deferred: stats.deferred,
    bounced: stats.bounced,
    replies: stats.replies,
  };
}

export function statusSources(
  sources: Sources,
  laneSources: LaneSources,
  outlets: Outlets,
  { warmUps, wall }: WaitingWorld,
): SourceStatus[] {
  const connections = new Map<string, number>();
  for (const { lane } of outlets.couriers)
    connections.set(lane.source.address, (connections.get(lane.source.address) ?? 0) + 1);
  return sources.status().map(({ address, ehlo, state, error, since }) => ({
    address,
    ehlo,
    state,
    error,
    since,
    connections: connections.get(address) ?? 0,
    perSecond: laneSources.get(address)?.throughput.perSecond(wall) ?? 0,
    warmUps: warmUps.rows(address, wall),
  }));
}
