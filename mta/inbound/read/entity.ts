/**
 * A reader of MIME for mail that came back. mailparser reads mail for people: it decodes attachments, makes HTML, follows
 * promises. Here only the tree and its texts matter, at thousands a second, from strangers; so: a fixed amount of work
 * (limits.ts), broken structure taken as far as it goes, nothing thrown.
 */
import { decodeBase64, decodeCharset, decodeQuotedPrintable, decodeWords } from './charset.ts';
import { LIMITS } from './limits.ts';
import type { Field } from './types.ts';

export interface Entity {
  /** names in lower case, values unfolded, not decoded */
  fields: Field[];
  /** 'text/plain', in lower case */
  type: string;
  params: ReadonlyMap<string, string>;
  /** of a multipart, or the one mail in a message/rfc822 */
  children: Entity[];
  /** body as it came, as a latin1 string with LF line ends */
  body: string;
}

/** What one reading may still spend. */
interface Budget {
  parts: number;
}

/** Never throws. Line ends may be CRLF, LF or CR. */
export function readEntity(raw: Buffer): Entity {
  let text = raw.toString('latin1', 0, Math.min(raw.length, LIMITS.bytes));
  if (text.includes('\r')) text = text.replace(/\r\n?/g, '\n');
  let start = 0;
  while (text[start] === '\n') start++;
  // mbox and UUCP put the envelope on a line of its own.
  if (/^>?From /.test(text.slice(start, start + 6))) {
    const end = text.indexOf('\n', start);
    start = end < 0 ? text.length : end + 1;
  }
  return parse(start === 0 ? text : text.slice(start), 0, { parts: LIMITS.parts }, 'text/plain');
}

function parse(text: string, depth: number, budget: Budget, defaultType: string): Entity {
  budget.parts--;
  const { fields, body } = splitHead(text);
  const contentType = fieldOf(fields, 'content-type');
  const { value, params } = readParams(contentType || defaultType);
  const type = /^[a-z0-9.+-]+\/[a-z0-9.+-]+$/.test(value) ? value : 'text/plain';
  const entity: Entity = { fields, type, params, children: [], body };
  if (depth >= LIMITS.depth || budget.parts <= 0) return entity;
  if (type.startsWith('multipart/')) {
    const boundary = params.get('boundary') || guessBoundary(body);
    if (boundary === '') return entity;
    const inner = type === 'multipart/digest' ? 'message/rfc822' : 'text/plain';
    for (const part of splitParts(body, boundary, budget))
      entity.children.push(parse(part, depth + 1, budget, inner));
  } else if (isMail(type)) {
    // RFC 2046 §5.2.1 forbids an encoding here; it happens.
    entity.children.push(parse(bytesOf(entity).replace(/^\n+/, ''), depth + 1, budget, 'text/plain'));
  }
  return entity;
}

/** RFC 6532 has a name of its own for mail in UTF-8. */
export function isMail(type: string): boolean {
  return type === 'message/rfc822' || type === 'message/global';
}

const FIELD = /^([!-9;-~]{1,76})[ \t]*:/;

function splitHead(text: string): { fields: Field[]; body: string } {
  const fields: Field[] = [];
  let at = 0;
  while (at < text.length) {
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline;
    if (end === at) return { fields, body: text.slice(end + 1) };
    const first = text.charCodeAt(at);
    if ((first === 32 || first === 9) && fields.length > 0) {
      const last = fields[fields.length - 1]!;
      if (last.value.length < LIMITS.fieldLength) {
        const more = text.slice(at, Math.min(end, at + LIMITS.fieldLength)).trim();
        // RFC 5322 §2.2.3: unfolding takes the line break away and leaves the white space
        last.value = last.value === '' ? more : `${last.value} ${more}`;
      }
    } else {
      const match = FIELD.exec(text.slice(at, Math.min(end, at + 80)));
      // No field: the empty line before the body is missing.
      if (!match) return { fields, body: text.slice(at) };
      if (fields.length < LIMITS.fields)
        fields.push({
          name: match[1]!.toLowerCase(),
          value: text.slice(at + match[0].length, Math.min(end, at + LIMITS.fieldLength)).trim(),
        });
    }
    at = end + 1;
  }
  return { fields, body: '' };
}

/** First value of a field, '' when there is none. `name` in lower case. */
export function fieldOf(fields: readonly Field[], name: string): string {
  return fields.find((field) => field.name === name)?.value ?? '';
}

const PARAM = /;[ \t]*([A-Za-z0-9*_-]{1,40})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.){0,500})"|([^;"\s]{0,500}))/g;

/** RFC 2045 §5.1: `text/plain; charset="utf-8"`. */
function readParams(field: string): { value: string; params: Map<string, string> } {
  const params = new Map<string, string>();
  const value = (field.split(';', 1)[0] ?? '').trim().toLowerCase();
  for (const [, name = '', quoted, bare] of field.slice(0, 2000).matchAll(PARAM)) {
    const key = name.toLowerCase().replace(/\*0?\*?$/, '');
    if (!params.has(key)) params.set(key, quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '');
  }
  return { value, params };
}

/** Gateways lose the parameter; the first line of dashes that heads a part tells it. */
function guessBoundary(body: string): string {
  return /^--(\S{1,70})[ \t]*\ncontent-/im.exec(body.slice(0, 10_000))?.[1] ?? '';
}

/** RFC 2046 §5.1.1, without need for the closing delimiter. */
function* splitParts(body: string, boundary: string, budget: Budget): Generator<string> {
  const mark = `--${boundary}`;
  let start = -1;
  let at = body.startsWith(mark) ? 0 : body.indexOf(`\n${mark}`) + 1;
  if (at === 0 && !body.startsWith(mark)) return;
  while (budget.parts > 0) {
    const lineEnd = body.indexOf('\n', at);
    const tail = body.slice(at + mark.length, lineEnd < 0 ? body.length : lineEnd).trim();
    // A longer word is another, inner boundary that begins with the same characters.
    if (tail === '' || tail === '--') {
      if (start >= 0) yield body.slice(start, Math.max(start, at - 1));
      if (tail === '--' || lineEnd < 0) return;
      start = lineEnd + 1;
    }
    const next = lineEnd < 0 ? -1 : body.indexOf(`\n${mark}`, lineEnd);
    if (next < 0) {
      if (start >= 0) yield body.slice(start);
      return;
    }
    at = next + 1;
  }
}

/** The body without its transfer encoding, as bytes in a latin1 string. */
export function bytesOf(entity: Entity): string {
  const body = entity.body.slice(0, LIMITS.partText);
  switch (fieldOf(entity.fields, 'content-transfer-encoding').toLowerCase().split(';')[0]!.trim()) {
    case 'base64':
      return decodeBase64(body).replace(/\r\n?/g, '\n');
    case 'quoted-printable':
      return decodeQuotedPrintable(body).replace(/\r\n?/g, '\n');
    default:
      return body;
  }
}

/** The body as text. */
export function textOf(entity: Entity): string {
  return decodeCharset(bytesOf(entity), entity.params.get('charset') ?? '');
}

/** A header field as people see it. */
export function shown(entity: Entity, name: string): string {
  return decodeWords(fieldOf(entity.fields, name));
}

/** The entity and all below it, but not what is in mails that it encloses. */
export function* ownParts(entity: Entity): Generator<Entity> {
  yield entity;
  if (isMail(entity.type)) return;
  for (const child of entity.children) yield* ownParts(child);
}
