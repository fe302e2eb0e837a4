/**
 * Japanese carriers ask bulk senders to stay away from the full hour (DELIVERY.md: docomo), because everybody's scheduled mail starts then.
 * Judged: from two minutes before, so that what is in flight is through by the hour, until three minutes after, when the first wave is over;
 * then each lane starts at its own second within two minutes, or we would make a second wave at :03:00. Single mail does not wait.
 */
const HOUR = 3_600_000;
const BEFORE = 2 * 60_000;
const AFTER = 3 * 60_000;
const SPREAD = 2 * 60_000;

/**
 * Until when (epoch ms) a lane's bulk mail waits, null: it does not. `lane` is any name that stays the same. UTC's full hours are those of
 * Japan, as of every zone with a whole offset.
 */
export function quietUntil(now: number, lane: string): number | null {
  const hour = Math.floor((now + BEFORE) / HOUR) * HOUR;
  const until = hour + AFTER + (hash(lane) % SPREAD);
  return now < until ? until : null;
}

/** FNV-1a: the same on every start. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
