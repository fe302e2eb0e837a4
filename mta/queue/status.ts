/** What the MTA tells of itself once a second. */

import type { Sources } from '../routing/sources.ts';
import type { LineStatus, MtaStatus, SiteStatus, SourceStatus } from '../types.ts';
import type { Bucket } from './bucket.ts';
import { First } from './first.ts';
import type { Lane } from './lane.ts';
import type { LaneSources } from './lane-sources.ts';
import type { Outlets } from './outlets.ts';
import { busier, type WaitingWorld, waitingOf, waitingOfLane } from './waiting.ts';

const SITES = 200;

/** What is known of some buckets, by domain and class. */
export function statusLines(buckets: Iterable<Bucket>, world: WaitingWorld): LineStatus[] {
  const lines = new Map<string, LineStatus>();
  for (const bucket of buckets) {
    const { domain, job, provider, inFlight, lastReply, lastReplyAt } = bucket;
    const connections = bucket.site?.connections ?? 0;
    const waiting = waitingOf(bucket, world).reason;
    const key = `${job.class} ${domain}`;
    const line = lines.get(key);
    if (!line) {
      lines.set(key, {
        domain,
        class: job.class,
        provider,
        waiting,
        inFlight,
        connections,
        lastReply,
        lastReplyAt,
      });
      continue;
    }
    line.inFlight += inFlight;
    line.connections = Math.max(line.connections, connections);
    line.waiting = busier(line.waiting, waiting);
    if ((lastReplyAt ?? 0) > (line.lastReplyAt ?? 0)) {
      line.lastReply = lastReply;
      line.lastReplyAt = lastReplyAt;
    }
  }
  return [...lines.values()];
}

/** Lanes that do something, did or cannot: those with connections first, at most 200; and how many there are. */
export function statusSites(
  lanes: Iterable<Lane>,
  world: WaitingWorld,
): Pick<MtaStatus, 'sites' | 'siteCount'> {
  const first = new First<{ lane: Lane; busy: boolean }>(
    SITES,
    (a, b) =>
      b.lane.couriers.size - a.lane.couriers.size ||
      Number(b.busy) - Number(a.busy) ||
      b.lane.settled - a.lane.settled,
  );
  for (const lane of lanes) {
    const busy = lane.hasWork;
    if (busy || lane.couriers.size > 0 || lane.throttle || lane.settled > 0) first.add({ lane, busy });
  }
  return { sites: first.inOrder().map(({ lane }) => siteStatus(lane, world)), siteCount: first.count };
}

function siteStatus(lane: Lane, world: WaitingWorld): SiteStatus {
  const { site, stats } = lane;
  const { reason, until } = waitingOfLane(lane, world);
  return {
    site: site.spec.key,
    provider: site.spec.profile?.provider ?? '',
    source: lane.source.address,
    waiting: reason,
    waitingUntil: until,
    domains: lane.domains,
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
