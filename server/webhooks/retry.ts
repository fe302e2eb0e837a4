/** What becomes of a request to a webhook: pure, so that whole schedules are tested as arrays. */

/** Why no HTTP status came. */
export const TARGET_ERRORS = [
  'dns',
  'target-refused',
  'connect',
  'tls',
  'timeout',
  'connection-lost',
  'not-http',
] as const;
export type TargetError = (typeof TARGET_ERRORS)[number];

export interface Answer {
  /** HTTP status, 0 when none came */
  status: number;
  /** '' when a status came */
  error: TargetError | '';
  /** English, for whoever reads the screen: the system's or the server's own words */
  response: string;
  ms: number;
  /** ms that the server asked to be left alone (Retry-After), null when it did not */
  retryAfter: number | null;
}

export type Decision =
  | { type: 'taken' }
  /** 410: the receiver wants no more */
  | { type: 'gone' }
  | { type: 'again'; at: number }
  | { type: 'give-up' };

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** After the last one, every hour: whoever repairs a receiver should not wait longer for it. */
const WAITS = [5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR];
/** Many webhooks of one receiver must not come back all at once. */
const JITTER = 0.2;
export const GIVE_UP_AFTER = 3 * 24 * HOUR;
/** A server that says "come back in a year" is asked again sooner. */
const RETRY_AFTER_CAP = 6 * HOUR;

/**
 * @param failure.attempts how often this one was tried, the last time included
 * @param failure.since epoch ms of the first failure since something was taken
 * @param random 0…1
 */
export function decide(
  answer: Pick<Answer, 'status' | 'retryAfter'>,
  failure: { attempts: number; since: number; now: number; random: number },
): Decision {
  const { status, retryAfter } = answer;
  if (status >= 200 && status < 300) return { type: 'taken' };
  if (status === 410) return { type: 'gone' };
  const { attempts, since, now, random } = failure;
  if (now - since >= GIVE_UP_AFTER) return { type: 'give-up' };
  const wait = WAITS[Math.min(attempts, WAITS.length) - 1]! * (1 + JITTER * (2 * random - 1));
  const asked = status === 429 || status === 503 ? Math.min(retryAfter ?? 0, RETRY_AFTER_CAP) : 0;
  return { type: 'again', at: now + Math.round(Math.max(wait, asked)) };
}

/** `Retry-After` (RFC 9110 §10.2.3): seconds or a date; null when it is neither. */
export function readRetryAfter(value: string | undefined, now: number): number | null {
  if (value === undefined) return null;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value.trim()) * SECOND;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
