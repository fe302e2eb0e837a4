import type { SendOutcome } from '../smtp/types.ts';
import type { LedgerKind, Phase, Reason } from '../types.ts';
import { classify } from '../verdict/verdict.ts';

/** What one attempt means for its mail. `release`: nothing was tried, so it goes back as it was. */
export type Judgement =
  | { kind: 'release' }
  | {
      kind: Extract<LedgerKind, 'delivered' | 'deferred' | 'bounced'>;
      reason: Reason | '';
      phase: Phase;
      code: number;
      status: string;
      reply: string;
      ms: number;
    };

/** Why the session itself refuses a mail; what is not here is about an address. */
const LOCAL_REASONS: Readonly<Record<string, Reason>> = {
  '5.3.4': 'too-big',
  '5.6.0': 'content',
  '5.6.3': 'content',
};

export function judge(outcome: SendOutcome, provider: string): Judgement {
  switch (outcome.kind) {
    case 'accepted':
      return {
        ...replyOf(outcome.reply),
        kind: 'delivered',
        reason: '',
        phase: 'dot',
        ms: Math.round(outcome.ms),
      };
    case 'refused': {
      const { verdict, reason } = classify({ phase: outcome.phase, reply: outcome.reply, provider });
      return {
        ...replyOf(outcome.reply),
        kind: verdict,
        reason,
        phase: outcome.phase,
        ms: Math.round(outcome.ms),
      };
    }
    case 'local': {
      const reason = LOCAL_REASONS[outcome.reply.status] ?? 'syntax';
      return { ...replyOf(outcome.reply), kind: 'bounced', reason, phase: 'none', ms: 0 };
    }
    case 'lost': {
      if (outcome.free) return { kind: 'release' };
      if (outcome.reply) {
        const { reason } = classify({ phase: outcome.phase, reply: outcome.reply, provider });
        return {
          ...replyOf(outcome.reply),
          kind: 'deferred',
          reason,
          phase: outcome.phase,
          ms: Math.round(outcome.ms),
        };
      }
      // RFC 3463: 4.4.2 bad connection. After the dot the server may have it: at least once means trying again.
      const risk = outcome.duplicateRisk
        ? ' (the whole message was sent; trying again may deliver it twice)'
        : '';
      return {
        kind: 'deferred',
        reason: 'network',
        phase: outcome.phase,
        code: 0,
        status: '4.4.2',
        reply: `${outcome.error}${risk}`,
        ms: Math.round(outcome.ms),
      };
    }
  }
}

function replyOf(reply: { code: number; status: string; text: string }): {
  code: number;
  status: string;
  reply: string;
} {
  return { code: reply.code, status: reply.status, reply: reply.text };
}
