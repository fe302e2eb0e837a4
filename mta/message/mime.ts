/**
 * The MIME tree of a content, laid out once: fixed bytes with a place for each text that varies. Nothing here depends on
 * the clock or on chance, so a retry sends the same bytes.
 */
import { createHash } from 'node:crypto';
import type { ContentAttachment } from '../types.ts';
import { encodeBase64, type PartEncoder } from './encode.ts';
import { legacyParameter, parameter } from './header.ts';

/** Fixed bytes, or the place of a text that is filled in and encoded. */
export type BodyPiece = Buffer | 'text' | 'html';

export interface MimeLayout {
  /** Content-Type and Content-Transfer-Encoding of the whole message, without final CRLF */
  fields: string;
  pieces: BodyPiece[];
}

interface Part {
  fields: string[];
  /** every piece ends with CRLF */
  pieces: BodyPiece[];
}

/** At least one of `text` and `html` is given; the encodings are those of the varying parts. */
export function layoutMime(
  encodings: { text?: PartEncoder['encoding']; html?: PartEncoder['encoding'] },
  attachments: readonly ContentAttachment[],
  seed: string,
): MimeLayout {
  // RFC 2045 §6.7: "=_" occurs in no quoted-printable and no base64 text
  const boundary = `=_${createHash('sha256').update(seed).digest('hex').slice(0, 24)}`;
  const inline = attachments.filter((attachment) => attachment.cid);
  const attached = attachments.filter((attachment) => !attachment.cid);

  let root: Part | undefined;
  if (encodings.html) {
    root = varyingPart('html', encodings.html);
    if (inline.length > 0) {
      // RFC 2387: the type parameter names the root part's
      root = multipart(`related; type="text/html"`, `${boundary}r`, [root, ...inline.map(attachmentPart)]);
    }
  } else {
    attached.unshift(...inline);
  }
  if (encodings.text) {
    const text = varyingPart('text', encodings.text);
    // RFC 2046 §5.1.4: the best form last
    root = root ? multipart('alternative', `${boundary}a`, [text, root]) : text;
  }
  if (attached.length > 0)
    root = multipart('mixed', `${boundary}m`, [root!, ...attached.map(attachmentPart)]);
  return { fields: root!.fields.join('\r\n'), pieces: mergeBuffers(root!.pieces) };
}

function varyingPart(kind: 'text' | 'html', encoding: PartEncoder['encoding']): Part {
  const type = kind === 'text' ? 'plain' : 'html';
  return {
    fields: [`Content-Type: text/${type}; charset=utf-8`, `Content-Transfer-Encoding: ${encoding}`],
    pieces: [kind],
  };
}

function attachmentPart(attachment: ContentAttachment): Part {
  const { filename, contentType, content, cid } = attachment;
  const fields = [
    `Content-Type: ${contentType}${legacyParameter('name', filename)}`,
    'Content-Transfer-Encoding: base64',
    `Content-Disposition: ${cid ? 'inline' : 'attachment'}${parameter('filename', filename)}`,
  ];
  // RFC 2392
  if (cid) fields.push(`Content-ID: <${cid}>`);
  return { fields, pieces: [encodeBase64(Buffer.from(content, 'base64'))] };
}

function multipart(subtype: string, boundary: string, parts: Part[]): Part {
  const pieces = parts.flatMap((part) => [
    Buffer.from(`--${boundary}\r\n${part.fields.join('\r\n')}\r\n\r\n`),
    ...part.pieces,
  ]);
  return {
    fields: [`Content-Type: multipart/${subtype};\r\n boundary="${boundary}"`],
    pieces: [...pieces, Buffer.from(`--${boundary}--\r\n`)],
  };
}

function mergeBuffers(pieces: BodyPiece[]): BodyPiece[] {
  const merged: BodyPiece[] = [];
  for (const piece of pieces) {
    const last = merged.at(-1);
    if (typeof piece !== 'string' && last instanceof Buffer)
      merged[merged.length - 1] = Buffer.concat([last, piece]);
    else merged.push(piece);
  }
  return merged;
}
