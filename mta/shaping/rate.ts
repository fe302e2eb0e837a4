/**
 * The generic cell rate algorithm (ITU-T I.371) as a virtual clock: even spacing with a burst, one number of state, no
 * window at whose edge twice the limit fits.
 */
export interface Gcra {
  /** events per `period` */
  count: number;
  /** ms */
  period: number;
  /** events that may come at once, default 1 */
  burst?: number | undefined;
}

export type GcraDecision =
  /** take it, and remember `state` */
  | { allowed: true; state: number }
  /** ms, on the clock of `now` */
  | { allowed: false; retryAt: number };

/** `state` is 0 at first, later what the last allowed event answered; `now` in ms. Pure. */
export function gcra({ count, period, burst = 1 }: Gcra, state: number, now: number): GcraDecision {
  const interval = period / count;
  // The event's theoretical arrival; it may come as early as the burst permits.
  const arrival = Math.max(state, now);
  const earliest = arrival - interval * (burst - 1);
  return now >= earliest
    ? { allowed: true, state: arrival + interval }
    : { allowed: false, retryAt: earliest };
}
