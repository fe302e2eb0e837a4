/**
 * How many connections a site gets (DELIVERY.md): start at 2, +1/N per success, −1 at once on a failed connect, a
 * refused banner or a 421; never below 1, never above the profile's limit. Pure: a new value each time.
 */
export const START = 2;

export const afterSuccess = (now: number, limit: number): number =>
  Math.min(limit, now + 1 / Math.max(1, now));

export const afterRefusal = (now: number): number => Math.max(1, now - 1);
