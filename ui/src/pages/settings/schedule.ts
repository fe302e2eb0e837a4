/** When a mail that is always refused for now is tried again: seconds after the first try, without the jitter. */
export function schedule(retry: { first: number; cap: number; giveUp: number }): number[] {
  const attempts: number[] = [];
  let wait = retry.first;
  let at = 0;
  if (!(wait >= 1)) return [];
  while (attempts.length < 1000) {
    at += wait;
    if (at > retry.giveUp) break;
    attempts.push(at);
    wait = Math.min(wait * 2, Math.max(retry.cap, retry.first));
  }
  return attempts;
}
