/** Why mail for a provider waits, out of the MTA's report. Pure. */
import type { Queues } from '../../../../server/delivery/schemas.ts';

export type Throttle = Queues['throttles'][number];

export interface Reason {
  waiting: Queues['items'][number]['waiting'];
  /** mails that wait for it */
  queued: number;
  /** the first of them goes on then, null: not known */
  until: string | null;
}

export interface ProviderStanding {
  queued: number;
  oldestAt: string | null;
  perSecond: number;
  connections: number;
  /** most mails first */
  reasons: Reason[];
  /** mails of lines that the report is too short for */
  unnamed: number;
  /** the hardest first */
  throttles: Throttle[];
  /** the addresses that its mail goes by or waits at; '' is the system's own choice */
  sources: string[];
}

const HARDNESS: Record<Throttle['kind'], number> = {
  'sending-domain': 3,
  suspend: 2,
  connections: 1,
  rate: 0,
};
/** null (until somebody lifts it) is the latest. */
const end = (until: string | null): number => (until === null ? Number.POSITIVE_INFINITY : Date.parse(until));

/** The hardest comes first, of equals the one that lasts longest. */
export const throttlesOf = (provider: string, throttles: readonly Throttle[]): Throttle[] =>
  throttles
    .filter((throttle) => throttle.provider === provider)
    .sort((a, b) => HARDNESS[b.kind] - HARDNESS[a.kind] || (end(b.until) > end(a.until) ? 1 : -1));

export function standingOf(provider: string, report: Queues): ProviderStanding {
  const row = report.providers.find((one) => one.provider === provider);
  const sites = report.sites.filter((site) => site.provider === provider);
  const reasons = new Map<Reason['waiting'], Reason>();
  for (const line of report.items) {
    if (line.provider !== provider || line.queued === 0) continue;
    const known = reasons.get(line.waiting);
    if (known) known.queued += line.queued;
    else
      reasons.set(line.waiting, {
        waiting: line.waiting,
        queued: line.queued,
        until: firstEnd(sites, line.waiting),
      });
  }
  const named = [...reasons.values()].sort((a, b) => b.queued - a.queued);
  const queued = row?.queued ?? 0;
  const throttles = throttlesOf(provider, report.throttles);
  const sources = new Set([
    ...sites.map(({ source }) => source),
    ...throttles.filter(({ kind }) => kind !== 'sending-domain').map(({ source }) => source),
    ...report.sources
      .filter(({ warmUps }) => warmUps.some((one) => one.provider === provider))
      .map(({ address }) => address),
  ]);
  return {
    queued,
    oldestAt: row?.oldestAt ?? null,
    perSecond: row?.perSecond ?? 0,
    connections: row?.connections ?? 0,
    reasons: named,
    unnamed: Math.max(0, queued - named.reduce((sum, reason) => sum + reason.queued, 0)),
    throttles,
    sources: [...sources].sort(),
  };
}

function firstEnd(sites: Queues['sites'], waiting: Reason['waiting']): string | null {
  const ends = sites.flatMap((site) =>
    site.waiting === waiting && site.waitingUntil ? [site.waitingUntil] : [],
  );
  return ends.sort()[0] ?? null;
}
