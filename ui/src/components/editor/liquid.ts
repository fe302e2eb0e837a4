/** What can be completed at a place in Liquid text. Pure: the editor's completion and its table test both use it. */

export interface Variable {
  /** Liquid name: `name`, `email`, an attribute's key */
  key: string;
  /** what people call it: お名前, 会社名 */
  label: string;
  /** text for those who have no value, '' for the writer to fill in; null when every person has one */
  fallback: string | null;
}

export type LiquidPlace =
  | { kind: 'variable'; from: number; closed: boolean }
  | { kind: 'filter'; from: number; closed: boolean }
  | { kind: 'tag'; from: number; closed: boolean };

/**
 * `before` is the line (or document) up to the cursor, `after` what follows it on the line. Null outside of `{{ }}` and `{% %}`,
 * and inside a quoted string. `from` counts characters in `before`.
 */
export function liquidPlace(before: string, after: string): LiquidPlace | null {
  const output = before.lastIndexOf('{{');
  const tag = before.lastIndexOf('{%');
  const start = Math.max(output, tag);
  if (start < 0) return null;
  const inside = before.slice(start + 2);
  if (inside.includes(output > tag ? '}}' : '%}')) return null;
  if (insideQuotes(inside)) return null;
  const word = /[a-z0-9_]*$/i.exec(before)![0];
  const from = before.length - word.length;
  const closed = /^[^{}]*?(\}\}|%\})/.test(after);
  const lead = before.slice(start + 2, from).trimEnd();
  if (tag > output) {
    if (lead === '' || lead === '-') return { kind: 'tag', from, closed };
    return /(?:\s|[=<>!,(|])$/.test(before.slice(0, from)) && !lead.endsWith('|')
      ? { kind: 'variable', from, closed: true }
      : lead.endsWith('|')
        ? { kind: 'filter', from, closed: true }
        : null;
  }
  if (lead === '' || lead === '-') return { kind: 'variable', from, closed };
  if (lead.endsWith('|')) return { kind: 'filter', from, closed };
  return null;
}

function insideQuotes(text: string): boolean {
  let open = '';
  for (const c of text) {
    if (open) {
      if (c === open) open = '';
    } else if (c === '"' || c === "'") open = c;
  }
  return open !== '';
}

/** `name | default: "お客様"`: what goes between the braces for a variable. */
export function expression(variable: Variable): string {
  return variable.fallback === null
    ? variable.key
    : `${variable.key} | default: "${variable.fallback.replaceAll('"', '')}"`;
}

/** `{{ name | default: "お客様" }}` */
export function insertion(variable: Variable): string {
  return `{{ ${expression(variable)} }}`;
}

/** The filters and tags a mail needs; liquidjs knows more, and they work when typed. */
export const FILTERS = [
  'default',
  'date',
  'upcase',
  'downcase',
  'capitalize',
  'strip',
  'truncate',
  'replace',
  'round',
  'plus',
  'minus',
  'url_encode',
  'newline_to_br',
  'escape',
] as const;
export const TAGS = [
  'if',
  'elsif',
  'else',
  'endif',
  'unless',
  'endunless',
  'case',
  'when',
  'endcase',
  'assign',
  'comment',
  'endcomment',
  'for',
  'endfor',
] as const;

/** Where the fallback's text stands in an insertion: it is selected, so that the next key replaces it. */
export function fallbackRange(text: string): { from: number; to: number } | null {
  const match = /default: "([^"]*)"/.exec(text);
  if (!match) return null;
  const from = match.index + 'default: "'.length;
  return { from, to: from + match[1]!.length };
}
