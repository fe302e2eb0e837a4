/** What an administrator must know of, gathered from those who know. */

import type { Sources } from '../routing/sources.ts';
import type { MtaProblem } from '../types.ts';
import type { ClockWatch } from './clock-watch.ts';
import type { LookUps } from './look-ups.ts';
import type { Outlets } from './outlets.ts';
import type { Placer } from './placer.ts';
import type { Shaping } from './shaping.ts';

/** Outcomes that cannot be written. */
export interface DiskTrouble {
  since: number;
  error: unknown;
}

export interface ProblemParts {
  disk: DiskTrouble | undefined;
  lookUps: LookUps;
  sources: Sources;
  outlets: Outlets;
  shaping: Shaping;
  placer: Placer;
  clock: ClockWatch;
}

export function problemsOf({
  disk,
  lookUps,
  sources,
  outlets,
  shaping,
  placer,
  clock,
}: ProblemParts): MtaProblem[] {
  const found: MtaProblem[] = [];
  if (disk) found.push(diskProblem(disk));
  if (lookUps.deadSince !== undefined)
    found.push({
      code: 'dns-dead',
      value: '',
      since: lookUps.deadSince,
      detail: 'The look-ups of nearly all domains fail: the resolver does not answer',
    });
  for (const { address, state, since, error } of sources.status())
    if (state === 'failed') found.push({ code: 'source-failed', value: address, since, detail: error });
  for (const { state, host, since, error } of outlets.routeRelays)
    if (state === 'down')
      found.push({ code: 'relay-down', value: `${host.host}:${host.port}`, since, detail: error });
  for (const { kind, sendingDomain, provider, since, reply } of shaping.throttles.all())
    if (kind === 'sending-domain')
      found.push({
        code: 'sending-domain-paused',
        value: sendingDomain,
        since,
        detail: `${provider} refuses its mail: ${reply}`,
      });
  for (const [poolId, since] of placer.missingPools)
    found.push({
      code: 'pool-missing',
      value: String(poolId),
      since,
      detail: `Mail waits for IP pool ${poolId}, which does not exist or has no source`,
    });
  if (clock.setBack)
    found.push({
      code: 'clock-set-back',
      value: '',
      since: clock.setBack.since,
      detail: `The clock was set back by ${Math.round(clock.setBack.by / 1000)} s; the times of waiting mail were set back with it`,
    });
  return found;
}

/** SQLite says whether somebody else holds the file or the disk does not take it. */
export function diskProblem({ since, error }: DiskTrouble): MtaProblem {
  const { code = '', message = String(error) } = error as { code?: string; message?: string };
  const locked = code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED');
  return { code: locked ? 'spool-locked' : 'disk-full', value: code, since, detail: message };
}
