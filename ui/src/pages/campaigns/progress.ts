/** How far a sending campaign is and how long it will take. Pure: fed with what the server pushes. */
import type { CampaignSummary, Counts } from '../../../../server/campaigns/schemas.ts';

/** People for whom the outcome is final. */
export function settled(counts: Counts): number {
  return counts.delivered + counts.bounced + counts.suppressed;
}

/** 0…1 of the people, by outcome; what is missing to 1 has not been tried yet. */
export function shares(counts: Counts): {
  delivered: number;
  bounced: number;
  deferred: number;
  suppressed: number;
} {
  const all = Math.max(counts.recipients, settled(counts) + counts.deferred, 1);
  return {
    delivered: counts.delivered / all,
    bounced: counts.bounced / all,
    deferred: counts.deferred / all,
    suppressed: counts.suppressed / all,
  };
}

/** 0…1: settled of all */
export function progress(campaign: CampaignSummary): number {
  const { counts } = campaign;
  if (campaign.state === 'finished') return 1;
  return counts.recipients > 0 ? Math.min(1, settled(counts) / counts.recipients) : 0;
}

export interface Sample {
  at: number;
  tried: number;
}

const WINDOW = 20_000;

/** Keeps the samples of the last 20 s; a campaign that was paused starts afresh. */
export function addSample(samples: readonly Sample[], sample: Sample): Sample[] {
  return [...samples.filter((s) => sample.at - s.at <= WINDOW && s.tried <= sample.tried), sample];
}

/** First tries per second over the window; null until two samples are a second apart. */
export function rate(samples: readonly Sample[]): number | null {
  const first = samples[0];
  const last = samples.at(-1);
  if (!first || !last || last.at - first.at < 1000) return null;
  return (last.tried - first.tried) / ((last.at - first.at) / 1000);
}

/** Seconds until everybody has been tried once; null when it cannot be said. Retries of deferred mails come after that. */
export function secondsLeft(samples: readonly Sample[], queued: number): number | null {
  const perSecond = rate(samples);
  if (queued === 0) return 0;
  return perSecond && perSecond > 0 ? queued / perSecond : null;
}
