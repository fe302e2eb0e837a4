/** Our own Message-IDs, `JOB.DELIVERY.TAG@domain` (ids in base 36), found again in what other servers return or answer. */
import { timingSafeEqual } from 'node:crypto';
import { type DeliveryIds, type SignedIds, signIds, TAG_BYTES, tagOf } from './signed-ids.ts';

/** What a Message-ID says of itself; who stands behind it must be looked up before the tag can be checked. */
export interface MessageIdClaim {
  jobId: number;
  deliveryId: number;
  tag: Buffer;
}

const OURS = /^([0-9a-z]{1,11})\.([0-9a-z]{1,11})\.([A-Za-z0-9_-]{11})@/;

/** Without angle brackets. `domain`: of the From field, A-label */
export function messageIdOf(
  signed: SignedIds,
  { jobId, deliveryId }: Pick<DeliveryIds, 'jobId' | 'deliveryId'>,
  domain: string,
): string {
  const tag = tagOf(signed, 'message-id').toString('base64url');
  return `${jobId.toString(36)}.${deliveryId.toString(36)}.${tag}@${domain}`;
}

/** `id` without angle brackets; null when it cannot be one of ours. */
export function parseMessageId(id: string): MessageIdClaim | null {
  const [, job, delivery, tag] = OURS.exec(id) ?? [];
  if (job === undefined || delivery === undefined || tag === undefined) return null;
  const claim = {
    jobId: Number.parseInt(job, 36),
    deliveryId: Number.parseInt(delivery, 36),
    tag: Buffer.from(tag, 'base64url'),
  };
  const sane = Number.isSafeInteger(claim.jobId) && Number.isSafeInteger(claim.deliveryId);
  return sane && claim.tag.length === TAG_BYTES ? claim : null;
}

/** Whether we have made it for this delivery. */
export function isOurMessageId(keyBase64: string, claim: MessageIdClaim, ids: DeliveryIds): boolean {
  return (
    claim.jobId === ids.jobId &&
    claim.deliveryId === ids.deliveryId &&
    timingSafeEqual(claim.tag, tagOf(signIds(keyBase64, ids), 'message-id'))
  );
}
