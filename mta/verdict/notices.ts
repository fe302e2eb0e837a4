/** What mail servers write about a failure in their own words, when no other server's reply decides. Data: notices.json. */
import type { Reason } from '../types.ts';
import noticesData from './notices.json' with { type: 'json' };

export interface Notice {
  /** unique, for people */
  name: string;
  /** regular expression, without regard to case, on the text on one line */
  match: string;
  reason: Reason;
  /** what a server really writes; a test holds the notice to it */
  example: string;
}

export const NOTICES = noticesData as Notice[];

const compiled = NOTICES.map(({ match, reason }) => ({ match: new RegExp(match, 'i'), reason }));

/** The first notice that matches; undefined: the words are none that are known. */
export function findNotice(text: string): Reason | undefined {
  return compiled.find(({ match }) => match.test(text))?.reason;
}
