/**
 * A trigger's regular expression as the plain texts that it looks for, where it is no more than that: alternatives, one
 * level of groups, escaped signs, a beginning, `\d` (shown as `x`), `\b` and `[ -]` (as a space). `\[(TSS|IPTS)04\]` → `[TSS04]`,
 * `[IPTS04]`. Anything cleverer is shown as it is.
 */
export function readable(pattern: string): string[] {
  const texts: string[] = [];
  for (const branch of split(pattern)) {
    const found = expand(branch);
    if (!found) return [pattern];
    texts.push(...found);
  }
  return texts.length > MAX ? [pattern] : texts;
}

/** More than that is no easier to read than the expression. */
const MAX = 8;

/** At the `|` outside groups. */
function split(pattern: string): string[] {
  const branches = [''];
  let depth = 0;
  for (let i = 0; i < pattern.length; i += 1) {
    const sign = pattern[i]!;
    if (sign === '\\') {
      branches[branches.length - 1] += sign + (pattern[i + 1] ?? '');
      i += 1;
    } else if (sign === '|' && depth === 0) branches.push('');
    else {
      if (sign === '(') depth += 1;
      if (sign === ')') depth -= 1;
      branches[branches.length - 1] += sign;
    }
  }
  return branches;
}

function expand(branch: string): string[] | undefined {
  let texts = [''];
  for (let i = branch.startsWith('^') ? 1 : 0; i < branch.length; i += 1) {
    const sign = branch[i]!;
    if (sign === '\\') {
      const next = branch[i + 1] ?? '';
      const stands = next === 'd' ? 'x' : next === 'b' ? '' : next;
      // \w, \s and the like stand for more than one sign
      if (next === '' || (/[a-z0-9]/i.test(next) && stands === next)) return undefined;
      texts = texts.map((text) => text + stands);
      i += 1;
    } else if (branch.startsWith('[ -]', i)) {
      texts = texts.map((text) => `${text} `);
      i += 3;
    } else if (sign === '(') {
      const end = branch.indexOf(')', i);
      const inner = branch.slice(i + 1, end);
      if (end < 0 || /[()\\?*+[\]{}.^$]/.test(inner)) return undefined;
      texts = texts.flatMap((text) => inner.split('|').map((choice) => text + choice));
      i = end;
    } else if (/[)?*+[\]{}.^$]/.test(sign)) return undefined;
    else texts = texts.map((text) => text + sign);
  }
  return texts;
}

/** undefined: it can be used; else what the engine says about it. */
export function patternError(pattern: string): string | undefined {
  try {
    new RegExp(pattern);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
