import type { MtaStatus, WaitReason } from '../types.ts';
import type { Bucket } from './bucket.ts';

const LINES = 500;

/** Why a bucket's mail waits, by the name that the queue screen shows. */
export function waitReason(bucket: Bucket, stopped: boolean, now: number): WaitReason {
  if (bucket.job.state === 'paused') return 'job-paused';
  if (stopped) return 'stopped';
  if (bucket.resolving) return 'resolving';
  if (bucket.holdUntil > now) return 'dns-failure';
  if (bucket.site?.has(bucket)) return bucket.site.waitReason;
  if (bucket.claimed > 0) return 'sending';
  return 'retry-later';
}

/** Buckets by domain and class: those with mail on its way first, at most 500 lines however many domains there are. */
export function statusLines(buckets: Iterable<Bucket>, stopped: boolean, now: number): MtaStatus['lines'] {
  const lines = new Map<string, MtaStatus['lines'][number]>();
  for (const bucket of buckets) {
    const key = `${bucket.job.class} ${bucket.domain}`;
    const line = lines.get(key);
    // Of a hundred thousand domains those with mail on its way are told of, then some of the others.
    if (!line && bucket.claimed === 0 && lines.size >= LINES) continue;
    if (line) {
      line.inFlight += bucket.claimed;
      if (line.waiting === 'job-paused') line.waiting = waitReason(bucket, stopped, now);
      continue;
    }
    lines.set(key, {
      domain: bucket.domain,
      class: bucket.job.class,
      provider: bucket.provider,
      waiting: waitReason(bucket, stopped, now),
      inFlight: bucket.claimed,
      connections: bucket.site?.couriers.size ?? 0,
      lastReply: bucket.lastReply,
      lastReplyAt: bucket.lastReplyAt,
    });
  }
  return [...lines.values()].sort((a, b) => b.inFlight - a.inFlight).slice(0, LINES);
}
