import type { RetrySettings } from '../types.ts';

/** DELIVERY.md: 15 min, doubling, cap 4 h, ±20 %, give up after 72 h (RFC 5321 §4.5.4.1 asks for 4–5 days at most). */
export const DEFAULT_RETRY: RetrySettings = { first: 900, cap: 14_400, jitter: 0.2, giveUp: 259_200 };

/**
 * When a mail that has just been deferred is tried again, or that it is given up.
 * @param tried attempts so far, this one included (≥ 1)
 * @param random 0…1
 */
export function nextAttempt(
  retry: RetrySettings,
  tried: number,
  createdAt: number,
  now: number,
  random: number,
): { kind: 'retry'; at: number } | { kind: 'expired' } {
  if (isExpired(retry, createdAt, now)) return { kind: 'expired' };
  // 2 ** 30 is beyond any cap: keeps the product finite.
  const base = Math.min(retry.cap, retry.first * 2 ** Math.min(tried - 1, 30));
  const seconds = base * (1 + retry.jitter * (2 * random - 1));
  // The last attempt is made at the end of the mail's life, not skipped because its turn would come just after.
  const last = createdAt + retry.giveUp * 1000;
  return { kind: 'retry', at: Math.min(now + Math.round(seconds * 1000), Math.max(last, now + 1000)) };
}

export function isExpired(retry: RetrySettings, createdAt: number, now: number): boolean {
  return now >= createdAt + retry.giveUp * 1000;
}
