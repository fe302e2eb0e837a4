import type { BackoffTrigger } from '../types.ts';
import { compilePattern, REPLY_LENGTH } from './pattern.ts';

export interface CompiledTrigger {
  readonly trigger: BackoffTrigger;
  readonly pattern: RegExp;
}

/** A provider's triggers, ready for the hot path. */
export interface Triggers {
  readonly all: readonly CompiledTrigger[];
  /** matches whatever any of them matches: one run tells that a reply concerns none of them */
  readonly any: RegExp | undefined;
}

/** `recipient-only` comes first: such a reply must not count for any other. Those whose pattern cannot be used are left out. */
export function compileTriggers(triggers: readonly BackoffTrigger[]): Triggers {
  const first = (trigger: BackoffTrigger): boolean => trigger.action.type === 'recipient-only';
  const all = [...triggers.filter(first), ...triggers.filter((each) => !first(each))].flatMap(
    (trigger): CompiledTrigger[] => {
      const checked = compilePattern(trigger.match);
      return checked.ok ? [{ trigger, pattern: checked.pattern }] : [];
    },
  );
  if (all.length === 0) return { all, any: undefined };
  return { all, any: new RegExp(all.map(({ trigger }) => `(?:${trigger.match})`).join('|'), 'i') };
}

/**
 * A reply as triggers see it: its first line whole, so that `^421` and `^450 4\.2\.1` mean what they say, the others without their codes,
 * joined with a space, as servers break lines within a sentence. Cut at a length that bounds the time of a match.
 */
export function replyForTriggers(reply: string): string {
  const cut = reply.slice(0, 2 * REPLY_LENGTH);
  return cut
    .replace(/\n(?:\d{3}(?:[ -]|$)(?:[245]\.\d{1,3}\.\d{1,3}(?:[ -]|$))?)?/gm, ' ')
    .slice(0, REPLY_LENGTH);
}
