/** Which of our deliveries a mail is about. Only what is signed counts: a stranger's word must not bounce anybody. */
import { type MessageIdClaim, parseMessageId } from '../message/message-id.ts';
import type { DeliveryIds } from '../message/signed-ids.ts';
import { parseVerp } from '../message/verp.ts';
import type { Reading } from './read/types.ts';
import type { InboundRecipient } from './recipients.ts';

/** `ids` are verified; a claim is verified by whoever knows the delivery. */
export type Trace = { by: 'address'; ids: DeliveryIds } | { by: 'message-id'; claim: MessageIdClaim };

/** of one mail: each costs an HMAC or a look-up */
const MAX_TRACES = 20;
/** Return-Path, List-Unsubscribe and whatever a server has made of them */
const SIGNED = /\b[bu]-[a-z2-7]{1,50}-[a-z2-7]{13}(?=@)/gi;

/**
 * By the address that it came to; for a mail to people (postmaster, the feedback address) by the mail that it returns or answers:
 * signed addresses in its head first, as they hold everything, then its Message-ID.
 */
export function tracesOf(
  recipients: readonly InboundRecipient[],
  { original, answers }: Pick<Reading, 'original' | 'answers'>,
  tokenKey: string,
): Trace[] {
  const addressed = recipients.flatMap(({ ids }) => ids ?? []);
  if (addressed.length > 0) return distinct(addressed).map((ids) => ({ by: 'address', ids }));
  const locals = original.fields.flatMap(({ value }) => value.match(SIGNED) ?? []).slice(0, MAX_TRACES);
  const returned = locals.flatMap((local) => parseVerp(tokenKey, local) ?? []);
  if (returned.length > 0) return distinct(returned).map((ids) => ({ by: 'address', ids }));
  return [original.messageId, ...answers]
    .slice(0, MAX_TRACES)
    .flatMap((id) => parseMessageId(id) ?? [])
    .map((claim) => ({ by: 'message-id', claim }));
}

function distinct(all: readonly DeliveryIds[]): DeliveryIds[] {
  return [...new Map(all.map((ids) => [ids.deliveryId, ids])).values()];
}
