/** Why mail waits, by the name that the queue screen shows, and until when. */
import type { WarmUps } from '../routing/warm-up.ts';
import type { WaitReason } from '../types.ts';
import type { Bucket } from './bucket.ts';
import type { Controls } from './controls.ts';
import type { Gate } from './gate.ts';
import { BULK, type Group } from './group.ts';
import type { Lane } from './lane.ts';
import type { Line } from './line.ts';
import type { Sockets } from './sockets.ts';

export interface Waiting {
  reason: WaitReason;
  /** epoch ms, null: nobody knows */
  until: number | null;
}

/** The lane that does most decides what a group waits for, and the job that does most what is said of a domain. */
const ACTIVITY: readonly WaitReason[] = [
  'sending',
  'ready',
  'connecting',
  'rate-limit',
  'slowed',
  'provider-limit',
  'connect-rate',
  'reserved',
  'connection-limit',
  'machine-limit',
  'quiet-minutes',
  'warm-up',
  'suspended',
  'paused-by-operator',
  'relay-down',
  'tls-unmet',
  'site-dead',
  'source-failed',
  // without a lane
  'resolving',
  'sending-domain-paused',
  'no-pool',
  'dns-failure',
  'retry-later',
  'job-paused',
  // of everything at once
  'stopped',
  'disk-full',
  // no mail that is known waits for this
  'unknown',
];

const isBusier = (a: WaitReason, b: WaitReason): boolean => ACTIVITY.indexOf(a) < ACTIVITY.indexOf(b);
export const busier = (a: WaitReason, b: WaitReason): WaitReason => (isBusier(b, a) ? b : a);

export interface WaitingWorld {
  gate: Gate;
  controls: Controls;
  warmUps: WarmUps;
  sockets: Pick<Sockets, 'waits'>;
  /** epoch ms, and of the monotonic clock */
  wall: number;
  now: number;
}

export function waitingOf(bucket: Bucket, world: WaitingWorld): Waiting {
  const { gate, wall } = world;
  if (bucket.job.state === 'paused') return unknown('job-paused');
  if (gate.stopped) return unknown('stopped');
  if (gate.diskFull) return unknown('disk-full');
  if (bucket.hold) return bucket.hold;
  if (bucket.resolving) return unknown('resolving');
  if (bucket.holdUntil > wall) return { reason: 'dns-failure', until: bucket.holdUntil };
  if (bucket.group && bucket.waiting) return ofGroup(bucket.group, bucket.job.rank < BULK, world);
  if (bucket.claimed > 0) return unknown('sending');
  // Due, and seen by the next walk over all buckets.
  if (bucket.nextAt !== null && bucket.nextAt <= wall) return unknown('ready');
  return { reason: 'retry-later', until: bucket.nextAt };
}

function ofGroup(group: Group, urgent: boolean, world: WaitingWorld): Waiting {
  let best: Waiting | undefined;
  for (const { lane } of group.shares) {
    const found = ofLine(lane, lane.line(group.tls), urgent, world);
    if (!best || isBusier(found.reason, best.reason)) best = found;
  }
  return best ?? unknown('no-pool');
}

/** A lane's own word: of its lines with mail the one that does most. */
export function waitingOfLane(lane: Lane, world: WaitingWorld): Waiting {
  if (world.gate.stopped) return unknown('stopped');
  if (world.gate.diskFull) return unknown('disk-full');
  let best: Waiting | undefined;
  for (const line of lane.lines) {
    const closed = lane.closed(line, world.now);
    if (!line.hasWork && !closed) continue;
    const found = ofLine(lane, line, line.urgent, world);
    if (!best || isBusier(found.reason, best.reason)) best = found;
  }
  return best ?? unknown(lane.carrying > 0 ? 'sending' : 'ready');
}

function ofLine(lane: Lane, line: Line, urgent: boolean, world: WaitingWorld): Waiting {
  const reason = reasonOf(lane, line, urgent, world);
  return { reason, until: untilOf(reason, lane, line, world) };
}

function reasonOf(lane: Lane, line: Line, urgent: boolean, { sockets, wall, now }: WaitingWorld): WaitReason {
  const closed = lane.closed(line, now);
  if (closed) return closed;
  if (lane.warming?.full) return 'warm-up';
  if (!urgent && lane.quietUntil(wall) !== null) return 'quiet-minutes';
  let open = false;
  let limited = true;
  for (const courier of lane.couriers) {
    if (courier.opening || courier.line !== line) continue;
    open = true;
    if ((courier.relay?.rate.wait(now) ?? 0) === 0) limited = false;
  }
  if (open) {
    if (lane.mailWait(now) > 0) return lane.rateReason(now);
    return limited ? 'rate-limit' : (lane.limitReason(urgent) ?? 'sending');
  }
  return lane.block(line, urgent, now, wall) ?? (sockets.waits(lane.site) ? 'machine-limit' : 'ready');
}

function untilOf(
  reason: WaitReason,
  lane: Lane,
  line: Line,
  { controls, warmUps, wall, now }: WaitingWorld,
): number | null {
  switch (reason) {
    case 'suspended': {
      const until = lane.throttle?.suspendedUntil ?? Number.POSITIVE_INFINITY;
      return Number.isFinite(until) ? until : null;
    }
    case 'slowed':
      return lane.throttle?.causes.find(({ perMinute }) => perMinute !== null)?.until ?? null;
    case 'quiet-minutes':
      return lane.quietUntil(wall);
    case 'warm-up':
      return warmUps.until(wall);
    case 'paused-by-operator':
      return controls.pausedSources.get(lane.source.address)?.until ?? null;
    default: {
      const wait = lane.waitOf(reason, line, now);
      return wait === undefined ? null : Math.round(wall + Math.max(0, wait));
    }
  }
}

const unknown = (reason: WaitReason): Waiting => ({ reason, until: null });
