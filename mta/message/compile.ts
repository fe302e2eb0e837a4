/**
 * Content → everything about it that is the same for all recipients: checked Liquid, rewritten links, MIME layout, encoded
 * literals, fixed header fields. Done once a job; render.ts fills in the rest for each recipient.
 */
import type { ContentError, ContentLink, ContentSource } from '../types.ts';
import { chooseEncoding, endLine, normalizeBreaks, type PartEncoder, partEncoder } from './encode.ts';
import { type FixedFields, fieldError, fixedFields } from './fields.ts';
import { offersUnsubscribe, withFooter } from './footer.ts';
import { type HeadPlan, planHead } from './head.ts';
import { rewriteHtml } from './html.ts';
import {
  BUILT_IN_VARIABLES,
  checkTemplate,
  type Flavour,
  fill,
  type Program,
  parseProgram,
  variablesOf,
} from './liquid.ts';
import { type BodyPiece, layoutMime } from './mime.ts';
import { textFromHtml } from './text.ts';

export type CompileResult = { ok: true; content: CompiledContent } | { ok: false; errors: ContentError[] };

export interface CompiledContent {
  /** names that rows must bring a value for, sorted; `email` and `unsubscribe_url` are filled in by the MTA */
  variables: string[];
  /** by index, as click tokens name them */
  links: ContentLink[];
  subject: Program;
  /** at least one of the two parts is there */
  text: VaryingPart | null;
  html: VaryingPart | null;
  /** the body: fixed bytes and the places of the parts */
  pieces: BodyPiece[];
  fields: FixedFields;
  head: HeadPlan;
  /** bulk mail: has List-* fields, and no part goes out without a way to unsubscribe */
  list: boolean;
  /** first part of Feedback-ID */
  feedbackId: string | undefined;
  /** the body comes out of our encoders, which write its relaxed canonical form (encode.ts) */
  canonical: boolean;
}

/** A text that differs by recipient. */
export interface VaryingPart {
  field: 'text' | 'html';
  /** with tracking */
  program: Program;
  /** as the author wrote it, with the footer: for the preview, and to name the place of an error */
  author: Program;
  encoder: PartEncoder;
}

/** Never throws on what an author or caller wrote: every problem is an error with its place. */
export function compileContent(source: ContentSource): CompileResult {
  const fixed = fixedFields(source);
  const errors = fixed.ok ? [] : fixed.errors;
  const check = (field: 'subject' | 'html' | 'text', template: string, flavour: Flavour): Program | null => {
    const { program, problem } = checkTemplate(template, flavour);
    if (problem) errors.push({ field, ...problem });
    return program;
  };
  const html = normalizeBreaks(source.html ?? '');
  const text = normalizeBreaks(source.text ?? '');
  const subject = check('subject', source.subject, 'plain');
  const htmlProgram = html.trim() === '' ? null : check('html', html, 'html');
  const textProgram = text.trim() === '' ? null : check('text', text, 'plain');
  if (html.trim() === '' && text.trim() === '')
    errors.push(fieldError('html', 'content-missing', 'The mail has neither HTML nor text'));
  if (errors.length > 0 || !fixed.ok || !subject) return { ok: false, errors };

  const list = source.list !== undefined;
  let htmlPart: ReturnType<typeof compileHtml> | null;
  let textPart: VaryingPart | null;
  try {
    htmlPart = htmlProgram && compileHtml(html, htmlProgram, list, source.track);
    textPart = compileText(textProgram ? text : normalizeBreaks(textFromHtml(html)), list);
  } catch (error) {
    // html-to-text walks by recursion: some thousands of nested elements end the stack
    if (!(error instanceof RangeError)) throw error;
    return { ok: false, errors: [fieldError('html', 'too-deep', 'The HTML is nested too deeply')] };
  }
  const parts = [textPart, htmlPart?.part].filter((part) => part != null);
  const layout = layoutMime(
    { text: textPart?.encoder.encoding, html: htmlPart?.part.encoder.encoding },
    source.attachments ?? [],
    JSON.stringify([source.subject, html, text]),
  );
  const variables = new Set([subject, ...parts.map((part) => part.author)].flatMap(variablesOf));
  for (const name of BUILT_IN_VARIABLES) variables.delete(name);
  return {
    ok: true,
    content: {
      variables: [...variables].sort(),
      links: htmlPart?.links ?? [],
      subject,
      text: textPart,
      html: htmlPart?.part ?? null,
      pieces: layout.pieces,
      fields: fixed.fields,
      head: planHead(fixed.fields, `${layout.fields}\r\n`, list),
      list,
      feedbackId: source.feedbackId?.replace(/[^A-Za-z0-9_.-]+/g, '-'),
      canonical: true,
    },
  };
}

function compileHtml(
  html: string,
  checked: Program,
  list: boolean,
  track: ContentSource['track'],
): { part: VaryingPart; links: ContentLink[] } {
  const whole = list && neverUnsubscribes('html', checked) ? withFooter('html', html) : html;
  const rewritten = rewriteHtml(whole, track);
  const part = varyingPart(
    'html',
    parseProgram(rewritten.html, 'tracking'),
    parseProgram(whole, 'html'),
    whole,
  );
  return { part, links: rewritten.links };
}

/** null when there is no text at all, as for a mail that is one image. */
function compileText(text: string, list: boolean): VaryingPart | null {
  if (text.trim() === '') return null;
  const program = parseProgram(text, 'plain');
  const whole = list && neverUnsubscribes('text', program) ? withFooter('text', text) : text;
  const final = parseProgram(whole, 'plain');
  return varyingPart('text', final, final, whole);
}

function varyingPart(field: 'text' | 'html', program: Program, author: Program, source: string): VaryingPart {
  const literals = program.segments?.literals;
  if (literals) literals[literals.length - 1] = endLine(literals.at(-1)!);
  return { field, program, author, encoder: partEncoder(chooseEncoding(source), literals ?? []) };
}

// `{{ unsubscribe_url }}` in a comment helps nobody. A template without conditions shows by one trial what all will get;
// for the others render.ts looks at each result.
function neverUnsubscribes(field: 'text' | 'html', program: Program): boolean {
  if (!program.segments) return !variablesOf(program).includes('unsubscribe_url');
  const url = 'https://unsubscribe.invalid/';
  const trial = fill(program.segments, {
    merge: {},
    email: '',
    unsubscribeUrl: url,
    tracking: { click: () => '', clickUrl: () => '', open: () => '' },
  });
  return !offersUnsubscribe(field, trial, url);
}
