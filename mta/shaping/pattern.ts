/**
 * Regular expressions that an administrator types run against what a stranger's server says, in the thread that sends. V8's
 * engine backtracks, so some patterns take exponential time on a hostile reply. Instead of guessing at "evil" shapes, this counts
 * the ways in which a pattern can match at most: a nested quantifier multiplies them beyond any bound by itself.
 */

/** Replies are matched up to this many characters: no provider says anything later that a trigger looks for. */
export const REPLY_LENGTH = 500;
const PATTERN_LENGTH = 500;
/** Two open ends (`.*`) in a sequence, at any place of the reply: some 50 ms where pattern and reply are made for it, µs otherwise. */
const MAX_WAYS = (REPLY_LENGTH + 2) ** 2;

export type PatternCheck = { ok: true; pattern: RegExp } | { ok: false; message: string };

/** Compiles a trigger's `match` (without regard to case); refuses what is no regular expression or could run for long. */
export function compilePattern(source: unknown): PatternCheck {
  if (typeof source !== 'string' || source.trim() === '')
    return refuse('must be a regular expression on the reply');
  if (source.length > PATTERN_LENGTH) return refuse(`must have ${PATTERN_LENGTH} characters at most`);
  let pattern: RegExp;
  try {
    pattern = new RegExp(source, 'i');
  } catch (error) {
    return refuse((error as Error).message);
  }
  if (pattern.test('')) return refuse('matches every reply');
  if (/\\(?:[1-9]|k<)/.test(source.replaceAll('\\\\', ''))) return refuse('must not refer back to a group');
  return ways(source) <= MAX_WAYS
    ? { ok: true, pattern }
    : refuse('could take too long: it repeats what already repeats, or has too many open ends such as .*');
}

const refuse = (message: string): PatternCheck => ({ ok: false, message });

/**
 * At most how many ways a valid pattern can match from one place of a reply: 1 for literals, the sum for alternatives, the product for
 * sequences, the range for a repeated character, a power for a repeated group. Infinity is a good answer.
 */
export function ways(source: string): number {
  let at = 0;

  function alternatives(): number {
    let sum = sequence();
    while (source[at] === '|') {
      at += 1;
      sum += sequence();
    }
    return sum;
  }

  function sequence(): number {
    let product = 1;
    while (at < source.length && source[at] !== '|' && source[at] !== ')') {
      const inner = atom();
      product *= repeated(inner, quantifier());
    }
    return product;
  }

  /** Reads one character, escape, class or group. */
  function atom(): number {
    const char = source[at];
    at += 1;
    if (char === '\\') {
      at += 1;
      return 1;
    }
    if (char === '[') {
      while (source[at] !== ']') at += source[at] === '\\' ? 2 : 1;
      at += 1;
      return 1;
    }
    if (char !== '(') return 1;
    const head = /^\?(?:[:=!]|<[=!]|<[^>]+>|[a-z-]*:)/.exec(source.slice(at));
    if (head) at += head[0].length;
    const inner = alternatives();
    at += 1;
    return inner;
  }

  function quantifier(): { least: number; most: number } {
    const found = /^(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/.exec(source.slice(at));
    if (!found) return { least: 1, most: 1 };
    at += found[0].length;
    const [, sign, from, comma, to] = found;
    if (sign === '?') return { least: 0, most: 1 };
    if (sign !== undefined) return { least: sign === '+' ? 1 : 0, most: REPLY_LENGTH };
    const least = Number(from);
    if (comma === '') return { least, most: least };
    return { least, most: to === '' ? REPLY_LENGTH : Number(to) };
  }

  return alternatives();
}

/** One more than the range, as the try that ends it costs as well. */
function repeated(inner: number, { least, most }: { least: number; most: number }): number {
  const times = Math.min(most, REPLY_LENGTH);
  return (most === least ? 1 : Math.max(1, times - least + 2)) * inner ** times;
}
