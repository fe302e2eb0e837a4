/**
 * Signatures of the Standard Webhooks scheme 1.0.0: HMAC-SHA256 over `id.timestamp.body`, under a secret that is shown
 * as `whsec_` and base64. Receivers check them with any of the scheme's libraries.
 */
import { createHmac, randomBytes, randomUUID } from 'node:crypto';

const PREFIX = 'whsec_';

/** 256 random bits; the scheme asks for 192 to 512. */
export const newSecret = (): string => PREFIX + randomBytes(32).toString('base64');

/** For the header `webhook-id`: without a dot, which separates what is signed. */
export const newMessageId = (): string => `msg_${randomUUID().replaceAll('-', '')}`;

/**
 * The header `webhook-signature`: one signature for each secret that is valid, so that a receiver may change over at any
 * moment while both are.
 * @param timestamp seconds since 1970, of this attempt
 */
export function signatures(
  secrets: readonly string[],
  messageId: string,
  timestamp: number,
  body: Buffer,
): string {
  return secrets
    .map((secret) => {
      const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
      const hmac = createHmac('sha256', key).update(`${messageId}.${timestamp}.`).update(body);
      return `v1,${hmac.digest('base64')}`;
    })
    .join(' ');
}
