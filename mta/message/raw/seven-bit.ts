/**
 * A MIME tree that goes over any server (case 31: composed in 7 bits up front): leaves in eight bits or with long lines become
 * base64, everything else stays byte for byte, so that what the author's program wrote is what arrives. On the way the
 * first HTML part is found for tracking.
 */
import { encodeBase64 } from '../encode.ts';
import { isAscii } from '../header.ts';
import type { BodyPiece } from '../mime.ts';
import {
  contentType,
  type Entity,
  type Field,
  fieldValue,
  parseEntity,
  sevenBit,
  splitMultipart,
  transferEncoding,
} from './entity.ts';
import { sevenBitField } from './header-fields.ts';
import { RawProblem } from './problem.ts';

/** Deeper ones are made to hurt. */
const MAX_DEPTH = 30;
const MAX_PARTS = 1000;
const CR = 0x0d;
const LF = 0x0a;

/** What becomes of the first HTML part: its place is taken by the piece `html`, and these fields say how it is encoded. */
export interface HtmlTaker {
  /** null: leave the part as it is */
  take(html: string): { encoding: string } | null;
}

export interface Converted {
  fields: Field[];
  pieces: BodyPiece[];
  /** the last piece ends with a CRLF that is none of the author's */
  closed: boolean;
}

/** @throws RawProblem when it cannot be done without breaking what is signed or encrypted, or the tree is made to hurt */
export function toSevenBit(entity: Entity, html: HtmlTaker | undefined): Converted {
  return new Conversion(html).convert(entity, 0);
}

class Conversion {
  #html: HtmlTaker | undefined;
  #parts = 0;

  constructor(html: HtmlTaker | undefined) {
    this.#html = html;
  }

  convert(typed: Entity, depth: number): Converted {
    if (depth > MAX_DEPTH)
      throw new RawProblem('too-deep', '', `The MIME parts are nested deeper than ${MAX_DEPTH}`);
    this.#parts += 1;
    if (this.#parts > MAX_PARTS)
      throw new RawProblem('too-many-parts', '', `The mail has more than ${MAX_PARTS} MIME parts`);
    const entity = { fields: typed.fields.map(sevenBitField), body: typed.body };
    const { type, parameters } = contentType(entity.fields);
    if (type === 'multipart/signed' || type === 'multipart/encrypted') return this.#sealed(entity, type);
    if (type.startsWith('multipart/')) return this.#multipart(entity, parameters.get('boundary'), depth);
    // RFC 2046 §5.2.1: what it holds is an entity again, and may not be encoded as a whole
    if (type === 'message/rfc822') return this.#message(entity, depth);
    return this.#leaf(entity, type);
  }

  /** RFC 1847 §2.1: one byte changed and the signature is broken. */
  #sealed({ fields, body }: Entity, type: string): Converted {
    if (!sevenBit(body))
      throw new RawProblem(
        'signed-not-7bit',
        '',
        `The ${type} part has 8-bit characters or lines over 998 characters; RFC 1847 allows only 7-bit text there`,
      );
    return { fields, pieces: [body], closed: false };
  }

  #multipart({ fields, body }: Entity, boundary: string | undefined, depth: number): Converted {
    const split = boundary && isAscii(boundary) ? splitMultipart(body, boundary) : null;
    if (!split) {
      if (sevenBit(body)) return { fields, pieces: [body], closed: false };
      throw new RawProblem('broken', '', 'A multipart has no delimiter line with its boundary');
    }
    const pieces: BodyPiece[] = [sevenBit(split.preamble) ? split.preamble : delimiterOnly(split.preamble)];
    for (const { bytes, after } of split.parts) {
      const part = this.convert(parseEntity(bytes), depth + 1);
      // The CRLF before a delimiter belongs to it (RFC 2046 §5.1.1): where an encoding has brought one, a second would be a line more.
      const delimiter = part.closed && after[0] === CR ? after.subarray(2) : after;
      pieces.push(Buffer.from(`${join(part.fields)}\r\n`, 'latin1'), ...part.pieces, delimiter);
    }
    return { fields: composite(fields), pieces, closed: false };
  }

  #message(entity: Entity, depth: number): Converted {
    if (sevenBit(entity.body)) return { fields: entity.fields, pieces: [entity.body], closed: false };
    const html = this.#html;
    this.#html = undefined;
    const inner = this.convert(parseEntity(entity.body), depth + 1);
    this.#html = html;
    return {
      fields: composite(entity.fields),
      pieces: [Buffer.from(`${join(inner.fields)}\r\n`, 'latin1'), ...inner.pieces],
      closed: inner.closed,
    };
  }

  #leaf({ fields, body }: Entity, type: string): Converted {
    const encoding = transferEncoding(fields);
    const tracked = type === 'text/html' ? this.#tracked(fields, body, encoding) : null;
    if (tracked) return tracked;
    if (sevenBit(body))
      return {
        fields: encoding === '8bit' || encoding === 'binary' ? withEncoding(fields, '7bit') : fields,
        pieces: [body],
        closed: false,
      };
    return {
      fields: withEncoding(fields, 'base64'),
      pieces: [encodeBase64(decode(body, encoding))],
      closed: true,
    };
  }

  #tracked(fields: Field[], body: Buffer, encoding: string): Converted | null {
    if (!this.#html || fieldValue(fields, 'content-disposition')?.toLowerCase().startsWith('attachment'))
      return null;
    const text = decodeText(decode(body, encoding), contentType(fields).parameters.get('charset'));
    if (text === undefined) return null;
    const taken = this.#html.take(text);
    this.#html = undefined;
    if (!taken) return null;
    const others = fields.filter(({ name }) => name !== 'content-type');
    return {
      fields: withEncoding([field('Content-Type', 'text/html; charset=utf-8'), ...others], taken.encoding),
      pieces: ['html'],
      closed: true,
    };
  }
}

/** RFC 2045 §6.4: what is made of parts has no encoding of its own, only a promise about theirs. */
const composite = (fields: readonly Field[]): Field[] =>
  fields.filter(({ name }) => name !== 'content-transfer-encoding');

/** A preamble is for nobody; the delimiter that ends it is for all. */
function delimiterOnly(preamble: Buffer): Buffer {
  return preamble.subarray(preamble.lastIndexOf(LF, preamble.length - 2) + 1);
}

const field = (name: string, value: string): Field => ({
  name: name.toLowerCase(),
  raw: `${name}: ${value}\r\n`,
});

export const join = (fields: readonly Field[]): string => fields.map(({ raw }) => raw).join('');

function withEncoding(fields: readonly Field[], encoding: string): Field[] {
  const others = fields.filter(({ name }) => name !== 'content-transfer-encoding');
  return [...others, field('Content-Transfer-Encoding', encoding)];
}

function decode(body: Buffer, encoding: string): Buffer {
  if (encoding === 'base64') return Buffer.from(body.toString('latin1'), 'base64');
  if (encoding !== 'quoted-printable') return body;
  // White space at a line's end was added on the way (RFC 2045 §6.7). The look-behind keeps a long run of it linear.
  const text = body.toString('latin1').replace(/(?<![ \t])[ \t]+\r\n/g, '\r\n');
  return Buffer.from(
    text
      .replace(/=\r\n/g, '')
      .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}

/** undefined: a charset that nobody knows. Mails without one are what browsers take them for. */
function decodeText(bytes: Buffer, charset: string | undefined): string | undefined {
  try {
    return new TextDecoder(charset ?? 'utf-8').decode(bytes);
  } catch {
    return undefined;
  }
}
