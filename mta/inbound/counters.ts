/** What the listener has counted since it was started. */
export const COUNTERS = [
  'sessions',
  /** let in by nobody: too many, too fast, too many errors before */
  'refusedSessions',
  /** ended by us: idle, errors, commands without a mail, room for others */
  'endedSessions',
  /** ended for a lone CR or LF */
  'bareNewlines',
  'refusedRecipients',
  /** on disk, answered 250 */
  'mails',
  /** refused after the dot: too big, a loop, disk full */
  'refusedMails',
] as const;
export type CounterName = (typeof COUNTERS)[number];
export type Counters = Record<CounterName, number>;

export function emptyCounters(): Counters {
  return Object.fromEntries(COUNTERS.map((name) => [name, 0])) as Counters;
}
