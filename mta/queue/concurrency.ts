/**
 * How many connections a lane gets (DELIVERY.md): start at 2, +1/N per success, −1 at once on a failed connect, a
 * refused banner or a 421; never below 1, never above the limit. Pure: a new value each time.
 */
export const START = 2;

export const afterSuccess = (now: number, limit: number): number =>
  now >= limit ? limit : Math.min(limit, now + 1 / Math.max(1, now));

export const afterRefusal = (now: number): number => Math.max(1, now - 1);

/** Whole connections now and at most; bulk mail leaves the last one to mail that cannot wait. */
export interface Slots {
  bulk: number;
  urgent: number;
}

/**
 * `allowed`: what the successes so far have earned; `limit`: profile, route or throttle. Urgent mail may have one connection more than was
 * earned: those that bulk mail holds may be stuck for minutes.
 */
export function slots(allowed: number, limit: number): Slots {
  const most = Math.max(1, limit);
  const earned = Math.max(1, Math.min(Math.floor(allowed), most));
  return { bulk: most >= 2 ? Math.min(earned, most - 1) : earned, urgent: Math.min(most, earned + 1) };
}
