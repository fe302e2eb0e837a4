/** What waits and why: the spool's counts with the MTA's live report laid over them. */
import type { MtaStatus, QueueLine, Spool } from '../../mta/index.ts';
import type { Deps } from '../deps.ts';
import type { Queues } from './schemas.ts';

/** Lines shown at most; an appliance that mails more domains than this has a long tail of ones. */
const MAX_LINES = 500;

/** The head of the queue screen, also pushed as the live event `queues`. */
export function queueSummary({ spool, mta }: Pick<Deps, 'spool' | 'mta'>): Omit<Queues, 'items'> {
  const status = mta.status();
  return {
    mode: status?.mode ?? spool.settings()?.mode ?? 'sandbox',
    stopped: spool.stopped(),
    running: status !== undefined,
    perSecond: status?.perSecond ?? 0,
    queued: spool.queued(),
    inFlight: status?.inFlight ?? 0,
    connections: status?.connections ?? 0,
    rssMB: Math.round(status?.rssMB ?? 0),
  };
}

export function queues(deps: Pick<Deps, 'spool' | 'mta'>): Queues {
  const lines = mergeLines(
    deps.spool.queueLines(MAX_LINES),
    deps.mta.status()?.lines ?? [],
    deps.spool.stopped(),
  );
  return {
    ...queueSummary(deps),
    items: lines.map((line) => ({
      ...line,
      oldestAt: isoOrNull(line.oldestAt),
      nextAt: isoOrNull(line.nextAt),
      lastReplyAt: isoOrNull(line.lastReplyAt),
    })),
  };
}

/**
 * Busiest first. A line that the MTA does not report (it is down, or has more than it reports) still gets a named
 * reason: `stopped` when nothing may leave, `ready` when something is due, else `retry-later`.
 */
export function mergeLines(
  queued: ReturnType<Spool['queueLines']>,
  live: MtaStatus['lines'],
  stopped: boolean,
): QueueLine[] {
  const reports = new Map(live.map((line) => [`${line.class} ${line.domain}`, line]));
  return queued.map((line) => {
    const report = reports.get(`${line.class} ${line.domain}`);
    const idle = line.due > 0 ? ('ready' as const) : ('retry-later' as const);
    return {
      ...line,
      // known once the MTA has resolved the domain
      provider: report?.provider ?? '',
      waiting: stopped ? 'stopped' : (report?.waiting ?? idle),
      inFlight: report?.inFlight ?? 0,
      connections: report?.connections ?? 0,
      lastReply: report?.lastReply ?? '',
      lastReplyAt: report?.lastReplyAt ?? null,
    };
  });
}

const isoOrNull = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

/** Emergency stop: at once for every class; survives restarts until `stopped` is taken back. */
export function setStopped(deps: Pick<Deps, 'spool' | 'mta' | 'live'>, stopped: boolean): void {
  deps.spool.setStopped(stopped);
  deps.mta.send({ type: 'settings' });
  deps.live.publish({ type: 'queues', data: queueSummary(deps) });
}
