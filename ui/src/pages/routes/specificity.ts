/** The order in which rules for domains are read: the most specific wins, so it stands first. */
const rank = (match: string): number => (match === '*' ? 0 : match.startsWith('*.') ? 1 : 2);
export const bySpecificity = (a: string, b: string): number =>
  rank(b) - rank(a) || b.length - a.length || a.localeCompare(b);
