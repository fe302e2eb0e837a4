/**
 * A MIME entity (RFC 2045 §2.4) as bytes and places: header fields as they were typed, where the body lies, what its
 * Content-Type says. Nothing is decoded here, and what is not understood stays as it is.
 */
import { isAscii } from 'node:buffer';
import { hasLongLine } from '../long-line.ts';

export interface Field {
  /** lower case */
  name: string;
  /** the whole field, folds included, with its CRLF */
  raw: string;
}

export interface Entity {
  fields: Field[];
  /** in CRLF form, without the empty line before it */
  body: Buffer;
}

export interface ContentType {
  /** lower case, e.g. `text/html` */
  type: string;
  /** by lower-case name, unquoted; RFC 2231 continuations are not put together (boundary and charset never have them) */
  parameters: ReadonlyMap<string, string>;
}

const CR = 0x0d;
const LF = 0x0a;

/** CRLF everywhere: bare CR and LF are two of the ways to smuggle a second message, and DKIM could not survive the next hop. */
export function crlf(bytes: Buffer): Buffer {
  let bare = 0;
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i];
    if ((byte === LF && bytes[i - 1] !== CR) || (byte === CR && bytes[i + 1] !== LF)) bare += 1;
  }
  if (bare === 0) return bytes;
  const out = Buffer.allocUnsafe(bytes.length + bare);
  let at = 0;
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i]!;
    if (byte === LF && bytes[i - 1] !== CR) out[at++] = CR;
    out[at++] = byte;
    if (byte === CR && bytes[i + 1] !== LF) out[at++] = LF;
  }
  return out;
}

/** `bytes` has CRLF everywhere. A line of the header that is no field ends the header, as with every MTA. */
export function parseEntity(bytes: Buffer): Entity {
  const fields: Field[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes[at] === CR) return { fields, body: bytes.subarray(at + 2) };
    let end = lineEnd(bytes, at);
    while (bytes[end] === 0x20 || bytes[end] === 0x09) end = lineEnd(bytes, end);
    const raw = bytes.toString('latin1', at, end);
    // RFC 5322 §4.5.8: white space before the colon is obsolete, and read
    const name = /^([!-9;-~]+)[ \t]*:/.exec(raw)?.[1];
    if (name === undefined) break;
    fields.push({ name: name.toLowerCase(), raw: raw.endsWith('\r\n') ? raw : `${raw}\r\n` });
    at = end;
  }
  return { fields, body: bytes.subarray(at) };
}

function lineEnd(bytes: Buffer, from: number): number {
  const at = bytes.indexOf(LF, from);
  return at < 0 ? bytes.length : at + 1;
}

/** Unfolded value of the first field of that name. */
export function fieldValue(fields: readonly Field[], name: string): string | undefined {
  const raw = fields.find((field) => field.name === name)?.raw;
  return raw
    ?.slice(raw.indexOf(':') + 1)
    .replaceAll('\r\n', '')
    .trim();
}

/** RFC 2045 §5.2: what has no type, or one that cannot be read, is plain US-ASCII text. */
export function contentType(fields: readonly Field[]): ContentType {
  const value = fieldValue(fields, 'content-type') ?? '';
  const type = /^\s*([a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+)/i.exec(value)?.[1]?.toLowerCase();
  const parameters = new Map<string, string>();
  if (type === undefined) return { type: 'text/plain', parameters };
  const pattern = /;\s*([a-z0-9!#$&^_.*+-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/gi;
  for (const [, name, quoted, token] of value.matchAll(pattern)) {
    const key = name!.toLowerCase();
    if (!parameters.has(key)) parameters.set(key, quoted?.replace(/\\(.)/g, '$1') ?? token!);
  }
  return { type, parameters };
}

/** `7bit` when none is named; lower case. */
export function transferEncoding(fields: readonly Field[]): string {
  return fieldValue(fields, 'content-transfer-encoding')?.toLowerCase() || '7bit';
}

export interface Multipart {
  /** up to and with the first delimiter's CRLF */
  preamble: Buffer;
  parts: { bytes: Buffer /** the CRLF, delimiter and CRLF that follow it */; after: Buffer }[];
}

/** RFC 2046 §5.1.1; null: not one delimiter is there. A missing last delimiter is taken as given. */
export function splitMultipart(body: Buffer, boundary: string): Multipart | null {
  const dashes = Buffer.from(`--${boundary}`, 'latin1');
  const found: { start: number; end: number; last: boolean }[] = [];
  for (let at = body.indexOf(dashes); at >= 0; at = body.indexOf(dashes, at + dashes.length)) {
    if (at > 0 && body[at - 1] !== LF) continue;
    const end = lineEnd(body, at);
    const rest = body.toString('latin1', at + dashes.length, end);
    // A longer boundary may begin with this one.
    if (!/^(?:--)?[ \t]*(?:\r\n)?$/.test(rest)) continue;
    const last = rest.startsWith('--');
    found.push({ start: at >= 2 ? at - 2 : at, end, last });
    if (last) break;
  }
  if (found.length === 0) return null;
  const parts: Multipart['parts'] = [];
  for (const [i, { end, last }] of found.entries()) {
    if (last) break;
    const next = found[i + 1];
    const stop = Math.max(end, next?.start ?? body.length);
    parts.push({
      bytes: body.subarray(end, stop),
      // What stands behind the last delimiter is for nobody.
      after: next ? body.subarray(stop, next.end) : Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1'),
    });
  }
  return { preamble: body.subarray(0, found[0]!.end), parts };
}

/** May go over any server: seven bits, no NUL, lines within the limit. */
export const sevenBit = (bytes: Buffer): boolean =>
  isAscii(bytes) && !bytes.includes(0) && !hasLongLine(bytes);
