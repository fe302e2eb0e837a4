/**
 * What liquidjs throws → a problem with a code, its place in the author's source and the text it is about. liquidjs has
 * no codes, so its words are matched; the table test holds each code to content that causes it.
 */
import { LiquidError, type Token } from 'liquidjs';
import type { ContentErrorCode } from '../types.ts';

export interface LiquidProblem {
  code: ContentErrorCode;
  /** counted from 1 */
  line: number;
  column: number;
  /** English */
  message: string;
  /** the offending name or expression as typed, shortened; '' when there is none */
  value: string;
}

/** The first that matches; a group is the value, else it is the expression around the place. */
const RULES: [words: RegExp, code: ContentErrorCode][] = [
  [/^undefined filter: (.+)$/s, 'filter-unknown'],
  [/^expected (?:":" after filter name|filter name)$|^unexpected character /, 'filter-syntax'],
  [/^tag "(end\w*|else|elsif|when)" not found$/, 'tag-unopened'],
  [/^tag "(.*)" not found$/s, 'tag-unknown'],
  [/^tag ".*" not closed$/s, 'tag-incomplete'],
  [/^(?:tag \{%|raw ").* not closed$/s, 'tag-unclosed'],
  [/^illegal tag syntax, tag name expected$/, 'tag-name-missing'],
  [/^unexpected "(.*)"$/s, 'tag-extra'],
  [/^(?:duplicated else|unexpected elsif after else)$/, 'else-misplaced'],
  [/^expected (?:variable name|"=")$/, 'assign-syntax'],
  [/^illegal tag: \{%-?\s*(?:for|tablerow)\b/, 'for-syntax'],
  [/^output ".*" not closed$/s, 'output-unclosed'],
  [/^invalid value expression: |^unexpected token .*, value expected$/s, 'value-missing'],
  [/^(?:\[ not closed|invalid range syntax|unbalanced parentheses)$/, 'bracket-unclosed'],
  [/Maximum call stack size exceeded/, 'too-deep'],
  [/^parse length limit exceeded$/, 'content-too-long'],
  [/^(?:template render|memory alloc) limit exceeded$/, 'too-much-work'],
];
const MAX_VALUE = 60;

/** Code, place and plain message of an error that liquidjs threw. */
export function problemOf(error: unknown): LiquidProblem {
  const token = error instanceof LiquidError ? error.token : null;
  const message = String((error as Error)?.message ?? error).replace(
    /, (?:file:.*, )?line:\d+, col:\d+$/s,
    '',
  );
  const rule = RULES.find(([words]) => words.test(message));
  const group = rule?.[0].exec(message)?.[1];
  const code = rule?.[1] ?? ((error as Error)?.name === 'RenderError' ? 'render-failed' : 'syntax');
  if (!token) return { code, line: 1, column: 1, message, value: shorten(group ?? '') };
  const around = enclosing(token);
  const missed = around && (code === 'syntax' || code === 'filter-syntax') ? notClosed(around) : null;
  if (missed) return { ...missed, ...placeOf(token.input, around!.begin) };
  let at = token.begin;
  // liquidjs points at the whole output; the author wants the filter's name
  if (code === 'filter-unknown' && group) {
    const found = token.getText().search(new RegExp(`(?<=\\|\\s*)${group.replace(/[^\w-]/g, '\\$&')}`));
    if (found > 0) at += found;
  }
  // and at what follows `raw` instead of the tag
  if (message.startsWith('raw ')) at = around?.begin ?? at;
  const value = group ?? (around ? around.text : token.getText());
  return { code, ...placeOf(token.input, at), message, value: shorten(value) };
}

/** An output that prints more than one value: liquidjs would print the last word and say nothing. */
export function tooManyValues(output: Token): LiquidProblem {
  const text = output.getText();
  const missed = notClosed({ text, begin: output.begin });
  const message = `${text} holds more than one value; names have no spaces`;
  return {
    ...(missed ?? { code: 'variable-name', message, value: shorten(text) }),
    ...placeOf(output.input, output.begin),
  };
}

interface Expression {
  text: string;
  begin: number;
}

/** The `{{ … }}` or `{% … %}` that the token stands in; to the end of the line when it is not closed. */
function enclosing({ input, begin }: Token): Expression | null {
  let from = openingBefore(input, begin);
  if (from < 0) return null;
  // liquidjs may have stumbled over the next one's braces: the one before, when nothing closes it in between
  const before = from > 0 ? openingBefore(input, from - 1) : -1;
  if (before >= 0 && !input.slice(before, from).includes(closing(input, before))) from = before;
  const close = closing(input, from);
  const end = input.indexOf(close, from + 2);
  const lineEnd = input.indexOf('\n', begin);
  const to = end >= 0 ? end + 2 : lineEnd >= 0 ? lineEnd : input.length;
  return { text: input.slice(from, to), begin: from };
}

function openingBefore(input: string, at: number): number {
  return Math.max(input.lastIndexOf('{{', at), input.lastIndexOf('{%', at));
}

function closing(input: string, opening: number): string {
  return input.startsWith('{{', opening) ? '}}' : '%}';
}

/** `{{ name }さん {{ city }}`: liquidjs finds the next one's braces and stumbles over what is between. */
function notClosed({ text }: Expression): Pick<LiquidProblem, 'code' | 'message' | 'value'> | null {
  const next = /\{[{%]/.exec(text.slice(2));
  if (!next) return null;
  const value = shorten(text.slice(0, next.index + 2).split('\n')[0]!);
  const output = text.startsWith('{{');
  return {
    code: output ? 'output-unclosed' : 'tag-incomplete',
    message: `${output ? 'output' : 'tag'} ${JSON.stringify(value)} not closed`,
    value,
  };
}

function placeOf(input: string, at: number): { line: number; column: number } {
  const before = input.slice(0, at).split('\n');
  return { line: before.length, column: before.at(-1)!.length + 1 };
}

/** On one line and short enough for one. */
function shorten(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > MAX_VALUE ? `${line.slice(0, MAX_VALUE)}…` : line;
}
