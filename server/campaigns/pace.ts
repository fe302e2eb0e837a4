/** So many queued mails keep the MTA busy for several seconds, whatever it sends at. */
const AHEAD = 20_000;
/** ms; whoever waits for the spool's lock polls in growing steps, so there must be a gap at all */
const SHORT = 2;
/** Far ahead, the enqueueing holds the lock a fifth of the time. */
const SHARE = 4;
const LONG = 250;

/**
 * ms to rest between two chunks. The MTA cannot settle while a chunk is written, so once it has enough to do, getting
 * further ahead of it only slows it down (measured without: 12 % of its rate while a million is enqueued).
 * @param took ms that the last chunk held the lock
 * @param backlog mails that are queued and not settled
 */
export function restAfter(took: number, backlog: number): number {
  if (backlog < AHEAD) return SHORT;
  return Math.min(LONG, Math.max(SHORT, took * SHARE));
}
