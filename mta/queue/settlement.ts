/** What becomes of a mail, and the ledger row that says so: pure decisions, table-tested. */
import { parseAddress } from '../message/address.ts';
import type { QueueRow } from '../spool/claim.ts';
import type { Settlement } from '../spool/settle.ts';
import type { Reason, RetrySettings, TlsPolicyName } from '../types.ts';
import type { Bucket } from './bucket.ts';
import type { Judgement } from './outcome.ts';
import { nextAttempt } from './retry.ts';

export type Verdict = Exclude<Judgement, { kind: 'release' }>;
export type SuppressedVerdict = Omit<Verdict, 'kind'> & { kind: 'suppressed' };

/** Over which connection an outcome came; nothing when there was none. */
export interface Where {
  mx: string;
  sourceIp: string;
  tls: string;
  tlsPolicy?: TlsPolicyName | undefined;
}

const NOWHERE: Where = { mx: '', sourceIp: '', tls: '' };

/** A verdict of our own: no server said it, so shaping never reacts to it. */
export function synthetic<K extends Verdict['kind'] | 'suppressed'>(
  kind: K,
  reason: Reason,
  status: string,
  reply: string,
): Omit<Verdict, 'kind'> & { kind: K } {
  return { kind, reason, phase: 'none', code: 0, status, reply, ms: 0 };
}

/** Of somebody who unsubscribed, or was erased, before the mail left. */
export const STOPPED: SuppressedVerdict = synthetic(
  'suppressed',
  'unsubscribed',
  '',
  'The recipient unsubscribed before this mail left',
);

/** A mail that cannot be sent at all: an address that is none. */
export function unsendableVerdict(row: QueueRow): Verdict | undefined {
  const parsed = parseAddress(row.address);
  return parsed.ok ? undefined : synthetic('bounced', 'syntax', '5.1.3', parsed.message);
}

export interface SettlementInput {
  bucket: Pick<Bucket, 'id' | 'job' | 'domain' | 'provider'>;
  row: QueueRow;
  verdict: Verdict | SuppressedVerdict;
  where?: Where | undefined;
  /** the person was erased: the ledger learns no address */
  erased?: boolean | undefined;
  /** a deferral's own wait, ms, where the schedule's would be too long */
  retryIn?: number | undefined;
  retry: RetrySettings;
  /** ms of the mail's life in which none could leave */
  lost?: number | undefined;
  now: number;
  /** 0…1, for the retry's jitter */
  random: number;
}

/** The outcome as it is written: a deferral gets its next time, or becomes a bounce when the mail's time is over. */
export function settlementOf(input: SettlementInput): Settlement {
  const { bucket, row, verdict, where = NOWHERE, erased, retryIn, retry, lost = 0, now, random } = input;
  const attempt = row.attempts + (verdict.kind === 'suppressed' ? 0 : 1);
  let { kind, reason, status, reply } = verdict;
  let retryAt = 0;
  if (kind === 'deferred') {
    const next = nextAttempt(retry, attempt, row.createdAt + lost, now, random);
    if (next.kind === 'retry') retryAt = retryIn === undefined ? next.at : Math.min(next.at, now + retryIn);
    else {
      // RFC 3463: X.4.7 delivery time expired; the last reply says why.
      kind = 'bounced';
      reason = 'expired';
      status = '4.4.7';
      reply = `Given up after ${attempt} attempts; the last: ${reply}`;
    }
  }
  return {
    bucketId: bucket.id,
    attempts: row.attempts,
    retryAt,
    row: {
      at: now,
      kind,
      jobId: bucket.job.id,
      deliveryId: row.id,
      subscriberId: row.subscriberId,
      listId: row.listId,
      recipient: erased ? '' : row.address,
      domain: bucket.domain,
      provider: bucket.provider,
      attempt,
      code: verdict.code,
      status,
      reason,
      phase: verdict.phase,
      reply,
      mx: where.mx,
      sourceIp: where.sourceIp,
      tls: where.tls,
      tlsPolicy: where.tlsPolicy ?? '',
      ms: verdict.ms,
      link: -1,
      ip: '',
      userAgent: '',
    },
  };
}
