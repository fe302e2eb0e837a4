/**
 * Content transfer encodings (RFC 2045 §6.7, §6.8). A part is encoded piece by piece: the content's fixed text once when it
 * is compiled, each recipient's values when they are filled in. That works because both encodings may break lines
 * anywhere: quoted-printable by a soft break behind each piece, base64 by aligning pieces to groups of three bytes.
 *
 * What comes out is 7-bit, has lines of at most 76 characters, only CRLF, no line that starts with a dot (nothing to stuff,
 * RFC 5321 §4.5.2) and is its own relaxed canonical form (RFC 6376 §3.4.4): no tab, no space at a line's end, no two
 * spaces in a row.
 */

const LINE = 76;
const CR = 13;
const LF = 10;
const SPACE = 32;
const EQUALS = 61;
const DOT = 46;
const HEX = Buffer.from('0123456789ABCDEF');
// RFC 4648 §4
const BASE64 = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');

const START = 65_536;
const KEPT = 4 * 1024 * 1024;
/** UTF-16 units up to which we encode by ourselves */
const SHORT = 256;

/** Grows as needed and is used again for every message: one allocation a message, for the finished body. */
export class ByteWriter {
  bytes: Buffer = Buffer.allocUnsafeSlow(START);
  length = 0;

  /** Starts anew in the same memory, unless that of one huge message would be kept for ever. */
  reset(): void {
    this.length = 0;
    if (this.bytes.length > KEPT) this.bytes = Buffer.allocUnsafeSlow(START);
  }

  /** Room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }

  write(piece: Uint8Array): void {
    this.reserve(piece.length);
    this.bytes.set(piece, this.length);
    this.length += piece.length;
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  utf8(text: string): void {
    this.reserve(text.length * 3);
    // The call into Node would cost more than encoding a person's values and URLs.
    if (text.length <= SHORT && this.#short(text)) return;
    this.length += this.bytes.write(text, this.length, 'utf8');
  }

  /** False, and nothing written: there is half a surrogate pair or a whole one. */
  #short(text: string): boolean {
    const { bytes } = this;
    let at = this.length;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code < 0x80) bytes[at++] = code;
      else if (code < 0x800) {
        bytes[at++] = 0xc0 | (code >> 6);
        bytes[at++] = 0x80 | (code & 63);
      } else if (code < 0xd800 || code > 0xdfff) {
        bytes[at++] = 0xe0 | (code >> 12);
        bytes[at++] = 0x80 | ((code >> 6) & 63);
        bytes[at++] = 0x80 | (code & 63);
      } else return false;
    }
    this.length = at;
    return true;
  }

  latin1(text: string): void {
    this.reserve(text.length);
    this.length += this.bytes.write(text, this.length, 'latin1');
  }

  copy(): Buffer {
    return Buffer.from(this.bytes.subarray(0, this.length));
  }

  /** All that was written, in memory of its own that may be given to another thread. Starts anew. */
  take(): ArrayBuffer {
    const taken = this.bytes.buffer.slice(0, this.length) as ArrayBuffer;
    this.reset();
    return taken;
  }
}

/** A part whose fixed text is already encoded. */
export interface PartEncoder {
  encoding: 'quoted-printable' | 'base64';
  /** literals[0] + values[0] + literals[1] + …; the literals are those that it was made with */
  writeFilled(writer: ByteWriter, values: string[]): void;
  /** the whole text as one; ends with CRLF */
  writeWhole(writer: ByteWriter, text: string): void;
}

/** CRLF everywhere: bare CR and LF are two of the ways to smuggle a second message. */
export function normalizeBreaks(text: string): string {
  return /[\r\n]/.test(text) ? text.replace(/\r\n?|\n/g, '\r\n') : text;
}

/** Exactly one line break at the end. */
export function endLine(text: string): string {
  return `${text.replace(/[ \t\r\n]+$/, '')}\r\n`;
}

/** base64 where quoted-printable would be longer: it costs two bytes more for each that is not ASCII. */
export function chooseEncoding(text: string): PartEncoder['encoding'] {
  const bytes = Buffer.byteLength(text);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: everything but ASCII
  const other = Buffer.byteLength(text.replace(/[\x00-\x7f]+/g, ''));
  return other * 6 > bytes ? 'base64' : 'quoted-printable';
}

/** `literals` hold only CRLF; the last one is not empty. */
export function partEncoder(encoding: PartEncoder['encoding'], literals: string[]): PartEncoder {
  return encoding === 'base64' ? new Base64Part(literals) : new QuotedPrintablePart(literals);
}

class QuotedPrintablePart implements PartEncoder {
  readonly encoding = 'quoted-printable';
  readonly #literals: Buffer[];

  constructor(literals: string[]) {
    const writer = new ByteWriter();
    this.#literals = literals.map((literal, i) => {
      writer.reset();
      writeQuotedPrintable(writer, literal);
      if (i < literals.length - 1) softBreak(writer);
      return writer.copy();
    });
  }

  writeFilled(writer: ByteWriter, values: string[]): void {
    writer.write(this.#literals[0]!);
    for (let i = 0; i < values.length; i++) {
      writeQuotedPrintable(writer, values[i]!);
      const next = this.#literals[i + 1]!;
      if (next[0] !== CR) softBreak(writer);
      writer.write(next);
    }
  }

  writeWhole(writer: ByteWriter, text: string): void {
    writeQuotedPrintable(writer, text);
  }
}

/** So that the next piece starts a line; one that is a line break anyway needs none. */
function softBreak(writer: ByteWriter): void {
  if (writer.length === 0 || writer.bytes[writer.length - 1] === LF) return;
  writer.reserve(3);
  writer.bytes[writer.length++] = EQUALS;
  writer.bytes[writer.length++] = CR;
  writer.bytes[writer.length++] = LF;
}

/** Encodes text that starts a line. */
export function writeQuotedPrintable(writer: ByteWriter, text: string): void {
  // at worst every unit is three bytes of three characters, and each line gains a soft break
  writer.reserve(text.length * 10 + 16);
  const out = writer.bytes;
  const length = text.length;
  let at = writer.length;
  let column = 0;
  for (let i = 0; i < length; i++) {
    let code = text.charCodeAt(i);
    if (code === CR && text.charCodeAt(i + 1) === LF) {
      out[at++] = CR;
      out[at++] = LF;
      column = 0;
      i++;
      continue;
    }
    if (code > 0x7f) {
      // utf-8; half a surrogate pair becomes U+FFFD as everywhere in Node
      if (code >= 0xd800 && code < 0xe000) {
        const full = text.codePointAt(i)!;
        code = full > 0xffff ? full : 0xfffd;
        if (full > 0xffff) i++;
      }
      const size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
      if (column + size * 3 >= LINE) {
        out[at++] = EQUALS;
        out[at++] = CR;
        out[at++] = LF;
        column = 0;
      }
      at = hexByte(
        out,
        at,
        size === 2 ? 0xc0 | (code >> 6) : size === 3 ? 0xe0 | (code >> 12) : 0xf0 | (code >> 18),
      );
      if (size === 4) at = hexByte(out, at, 0x80 | ((code >> 12) & 63));
      if (size >= 3) at = hexByte(out, at, 0x80 | ((code >> 6) & 63));
      at = hexByte(out, at, 0x80 | (code & 63));
      column += size * 3;
      continue;
    }
    let literal = code > SPACE && code < 127 && code !== EQUALS;
    if (code === SPACE) {
      // A space must not stand beside another one or end a line: relays and relaxed canonicalisation change those.
      const next = i + 1 < length ? text.charCodeAt(i + 1) : 0;
      literal = next !== CR && next !== 0 && !(column > 0 && out[at - 1] === SPACE);
    }
    if (column + (literal ? 1 : 3) >= LINE) {
      out[at++] = EQUALS;
      out[at++] = CR;
      out[at++] = LF;
      column = 0;
    }
    // A dot that starts a line would need stuffing; "From " would be changed by mailbox files.
    if (column === 0 && (code === DOT || (code === 70 && text.startsWith('From ', i)))) literal = false;
    if (literal) {
      out[at++] = code;
      column++;
    } else {
      at = hexByte(out, at, code);
      column += 3;
    }
  }
  writer.length = at;
}

function hexByte(out: Buffer, at: number, byte: number): number {
  out[at] = EQUALS;
  out[at + 1] = HEX[byte >> 4]!;
  out[at + 2] = HEX[byte & 15]!;
  return at + 3;
}

/** Below this a literal is not worth three encoded copies. */
const SMALL = 12;

class Base64Part implements PartEncoder {
  readonly encoding = 'base64';
  readonly #literals: Base64Literal[];
  // What is not yet written: the tail of a literal, a value, the head of the next literal.
  readonly #pending = new ByteWriter();

  constructor(literals: string[]) {
    this.#literals = literals.map((literal) => new Base64Literal(Buffer.from(literal)));
  }

  writeFilled(writer: ByteWriter, values: string[]): void {
    const pending = this.#pending;
    pending.reset();
    for (let i = 0; i < this.#literals.length; i++) {
      const literal = this.#literals[i]!;
      if (i > 0) pending.utf8(values[i - 1]!);
      if (literal.bytes.length < SMALL) {
        pending.write(literal.bytes);
        continue;
      }
      // the literal's first bytes complete the last group of three
      const head = (3 - (pending.length % 3)) % 3;
      for (let n = 0; n < head; n++) pending.byte(literal.bytes[n]!);
      writeBase64(writer, pending.bytes, pending.length);
      pending.reset();
      writer.write(literal.encodedFrom(head));
      const { length } = literal.bytes;
      for (let n = length - ((length - head) % 3); n < length; n++) pending.byte(literal.bytes[n]!);
    }
    writeBase64(writer, pending.bytes, pending.length);
  }

  writeWhole(writer: ByteWriter, text: string): void {
    const bytes = Buffer.from(text);
    writeBase64(writer, bytes, bytes.length);
  }
}

class Base64Literal {
  readonly bytes: Buffer;
  readonly #encoded: (Buffer | undefined)[] = [];

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** The whole groups of three from `head` (0 to 2) on. */
  encodedFrom(head: number): Buffer {
    this.#encoded[head] ??= encodeBase64(
      this.bytes.subarray(head, this.bytes.length - ((this.bytes.length - head) % 3)),
    );
    return this.#encoded[head];
  }
}

export function encodeBase64(bytes: Buffer): Buffer {
  const writer = new ByteWriter();
  writeBase64(writer, bytes, bytes.length);
  return writer.copy();
}

/** Bytes of one line (RFC 2045 §6.8: at most 76 characters). */
const LINE_BYTES = (LINE / 4) * 3;

/**
 * The first `length` bytes, in lines, each with CRLF. Most pieces are a person's values, so a line or two: a loop of our own takes a third of
 * the time of Node's, whose strings would have to be cut up and copied again.
 */
function writeBase64(writer: ByteWriter, bytes: Buffer, length: number): void {
  writer.reserve(Math.ceil(length / 3) * 4 + Math.ceil(length / LINE_BYTES) * 2);
  const out = writer.bytes;
  let at = writer.length;
  for (let from = 0; from < length; from += LINE_BYTES) {
    const end = Math.min(length, from + LINE_BYTES);
    const whole = end - ((end - from) % 3);
    for (let i = from; i < whole; i += 3) {
      const group = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!;
      out[at] = BASE64[group >> 18]!;
      out[at + 1] = BASE64[(group >> 12) & 63]!;
      out[at + 2] = BASE64[(group >> 6) & 63]!;
      out[at + 3] = BASE64[group & 63]!;
      at += 4;
    }
    if (whole < end) {
      const two = end - whole === 2;
      const group = (bytes[whole]! << 16) | (two ? bytes[whole + 1]! << 8 : 0);
      out[at] = BASE64[group >> 18]!;
      out[at + 1] = BASE64[(group >> 12) & 63]!;
      out[at + 2] = two ? BASE64[(group >> 6) & 63]! : EQUALS;
      out[at + 3] = EQUALS;
      at += 4;
    }
    out[at] = CR;
    out[at + 1] = LF;
    at += 2;
  }
  writer.length = at;
}
