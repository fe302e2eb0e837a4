/**
 * A mail that another program made (SMTP submission) as compiled content: the original MIME kept, in a form that any server
 * takes, without what nobody else may see, with our Message-ID and Date where it has none (RFC 6409 §8), tracked when asked.
 */
import type { ContentLink } from '../../types.ts';
import { parseAddress } from '../address.ts';
import type { CompiledContent, VaryingPart } from '../compile.ts';
import { chooseEncoding, endLine, normalizeBreaks, partEncoder } from '../encode.ts';
import { planFields } from '../head.ts';
import { rewriteHtml } from '../html.ts';
import { literalLiquid, parseProgram } from '../liquid.ts';
import { crlf, type Field, fieldValue, parseEntity } from './entity.ts';
import { RawProblem } from './problem.ts';
import { join, toSevenBit } from './seven-bit.ts';

export interface RawOptions {
  /** rewrite `<a href>` of the first HTML part to click tokens, add an open pixel to it */
  track: { opens: boolean; clicks: boolean };
}

/** A raw mail and the address in its From field, as DKIM and DMARC see it. */
export interface RawMail {
  from: { address: string /** A-label, lower case */; domain: string };
  subject: string;
  messageId: string | undefined;
  content: CompiledContent;
}

// For other eyes than the recipient's, or true only of the way to us.
const DROPPED = /^(?:bcc|resent-bcc|return-path|x-todoke-.*)$/;

/** Never throws on what a client sent. `bytes`: the message as it followed DATA, unstuffed. */
export function compileRaw(
  bytes: Buffer,
  options: RawOptions,
): { ok: true; mail: RawMail } | { ok: false; problem: RawProblem } {
  try {
    return { ok: true, mail: compile(bytes, options) };
  } catch (error) {
    if (error instanceof RawProblem) return { ok: false, problem: error };
    throw error;
  }
}

function compile(bytes: Buffer, { track }: RawOptions): RawMail {
  const entity = parseEntity(crlf(bytes));
  let html: { part: VaryingPart; links: ContentLink[] } | undefined;
  const taker = {
    take(source: string) {
      html = trackedHtml(source, track);
      return html ? { encoding: html.part.encoder.encoding } : null;
    },
  };
  const { fields, pieces } = toSevenBit(
    { fields: entity.fields.filter(({ name }) => !DROPPED.test(name)), body: entity.body },
    track.clicks || track.opens ? taker : undefined,
  );
  const from = fromAddress(fields);
  return {
    from,
    subject: fieldValue(fields, 'subject') ?? '',
    messageId: fieldValue(fields, 'message-id'),
    content: content(fields, pieces, html, from.domain),
  };
}

function content(
  fields: readonly Field[],
  pieces: CompiledContent['pieces'],
  html: { part: VaryingPart; links: ContentLink[] } | undefined,
  fromDomain: string,
): CompiledContent {
  const has = (name: string): boolean => fields.some((field) => field.name === name);
  // RFC 2045 §4: without it every reader takes the body for what it likes
  const mime = has('mime-version') || !has('content-type') ? '' : 'MIME-Version: 1.0\r\n';
  const kept = join(fields) + mime;
  // A Received field stays on top: it tells the way (RFC 5321 §4.4)
  const date = !has('date');
  const messageId = !has('message-id');
  const fixed = { from: '', replyTo: '', list: '', custom: '', fromDomain, senderId: '' };
  return {
    variables: [],
    links: html?.links ?? [],
    subject: parseProgram('', 'plain'),
    text: null,
    html: html?.part ?? null,
    pieces,
    fields: fixed,
    head: planFields(
      (values) =>
        `${kept}${date ? `Date: ${values.date}\r\n` : ''}${messageId ? `Message-ID: ${values.messageId}\r\n` : ''}`,
    ),
    list: false,
    feedbackId: undefined,
    canonical: false,
  };
}

function trackedHtml(
  source: string,
  track: RawOptions['track'],
): { part: VaryingPart; links: ContentLink[] } | undefined {
  // What looks like Liquid in it is text.
  const text = endLine(normalizeBreaks(literalLiquid(source)));
  let rewritten: ReturnType<typeof rewriteHtml>;
  try {
    rewritten = rewriteHtml(text, track);
  } catch (error) {
    // Nested too deeply to find links in: it goes out as it came.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  const program = parseProgram(rewritten.html, 'tracking');
  const encoder = partEncoder(chooseEncoding(source), program.segments?.literals ?? []);
  return { part: { field: 'html', program, author: program, encoder }, links: rewritten.links };
}

/** Characters of a From field: one name and one address; unclosed quotes without end would take time without end. */
const FROM_MAX = 2000;

/** @throws RawProblem */
function fromAddress(fields: readonly Field[]): RawMail['from'] {
  const { length } = fields.filter(({ name }) => name === 'from');
  if (length === 0) throw new RawProblem('from-missing', 'From', 'The mail has no From field');
  // RFC 5322 §3.6: exactly one; two are how a forged one is hidden behind a signed one
  if (length > 1) throw new RawProblem('from-several', 'From', `The mail has ${length} From fields`);
  const value = fieldValue(fields, 'from')!;
  const addresses = value.length <= FROM_MAX ? mailboxes(value) : [];
  const parsed = addresses.length === 1 ? parseAddress(addresses[0]!) : undefined;
  if (!parsed?.ok) {
    const text = `The From field must name one address: ${value.slice(0, 200)}`;
    throw new RawProblem('from-address', 'From', text);
  }
  return { address: parsed.address, domain: parsed.domain };
}

/** The addr-specs of a mailbox list. Enough for what programs write: quoted names and comments are left out. */
function mailboxes(value: string): string[] {
  const bare = value.replace(/"(?:[^"\\]|\\.)*"(?!@)/g, '').replace(/\((?:[^()\\]|\\.)*\)/g, '');
  return bare
    .split(',')
    .map((each) => (/<([^>]*)>/.exec(each)?.[1] ?? each).trim())
    .filter((address) => address !== '');
}
