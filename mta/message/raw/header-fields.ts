/** Header fields of a mail that somebody else made, in the form in which they may leave: 7-bit, lines within the limit. */
import { encodedWords, isAscii, textField } from '../header.ts';
import type { Field } from './entity.ts';
import { RawProblem } from './problem.ts';

/** RFC 5321 §4.5.3.1.6 */
const LINE_MAX = 998;
const MAILBOXES = new Set([
  ...['from', 'sender', 'reply-to', 'to', 'cc', 'resent-from', 'resent-sender', 'resent-to', 'resent-cc'],
  ...['disposition-notification-to', 'return-receipt-to', 'errors-to'],
]);
const STRUCTURED = new Set(['content-type', 'content-disposition']);

/**
 * Old programs write names and file names in 8 bits, which only RFC 6532 knows and few servers take: they become encoded-words.
 * @throws RawProblem for what cannot be mended without guessing: an address in 8 bits, a line over 998 characters
 */
export function sevenBitField(field: Field): Field {
  const raw = field.raw.replaceAll('\0', '');
  const ascii = isAscii(raw);
  if (ascii && withinLimit(raw)) return raw === field.raw ? field : { name: field.name, raw };
  const colon = raw.indexOf(':');
  const name = raw.slice(0, colon).trimEnd();
  const value = ascii ? unfold(raw.slice(colon + 1)) : readable(unfold(raw.slice(colon + 1)));
  const mended = `${name}:${mend(field.name, name, value, ascii)}\r\n`;
  const shown = value.slice(0, 100);
  if (!isAscii(mended) || ADDRESS_ENCODED.test(mended.replaceAll('\r\n', '')))
    throw new RawProblem(
      'header-8bit-address',
      name,
      `The field ${name} holds an address that is not ASCII: ${shown}`,
    );
  if (!withinLimit(mended))
    throw new RawProblem(
      'header-line-too-long',
      name,
      `The field ${name} has a line over 998 characters: ${shown}`,
    );
  return { name: field.name, raw: mended };
}

// An encoded-word stands in angle brackets or before an @ only when the address itself was in 8 bits.
const ADDRESS_ENCODED = /<[^>]*=\?|=\?[^\s?]*\?B\?[^\s?]*\?=@/;

/** The value with its leading space. */
function mend(key: string, name: string, value: string, ascii: boolean): string {
  if (key === 'subject' || key === 'comments' || key.startsWith('x-'))
    return textField(name, value).slice(name.length + 1);
  // RFC 5322 §2.2.3: a fold may stand wherever white space does
  if (ascii) return ` ${value.replace(/[ \t]+/g, '\r\n ')}`;
  if (MAILBOXES.has(key)) return encodePhrases(value, name.length + 1);
  return STRUCTURED.has(key) ? encodeParameters(value) : textField(name, value).slice(name.length + 1);
}

const unfold = (value: string): string => value.replaceAll('\r\n', '').trim();
const withinLimit = (raw: string): boolean => raw.split('\r\n').every((line) => line.length <= LINE_MAX);

/** The bytes of a latin1 string as what they most likely are: UTF-8, else the CP932 of Japanese office programs. */
function readable(latin1: string): string {
  const bytes = Buffer.from(latin1, 'latin1');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder('shift_jis').decode(bytes);
  }
}

/** Display names, quoted or not, and comments: everything with 8 bits that is not an address. */
function encodePhrases(value: string, column: number): string {
  const pattern = /"((?:[^"\\]|\\.)*)"|[^\s<>,;:"()@][^<>,;:"()@]*/g;
  const encoded = value.replace(pattern, (all: string, quoted: string | undefined, at: number) => {
    if (isAscii(all)) return all;
    const text = (quoted?.replace(/\\(.)/g, '$1') ?? all).trim();
    const trailing = quoted === undefined && /\s$/.test(all) ? ' ' : '';
    return encodedWords(text, column + at).trimStart() + trailing;
  });
  return ` ${encoded.replace(/(\?=)(?=<)/g, '$1 ')}`;
}

/** Against RFC 2047 §5, but what mail programs write and read when a file's name is not ASCII. */
function encodeParameters(value: string): string {
  const encoded = value.replace(
    /="((?:[^"\\]|\\.)*)"|=([^\s;"]+)/g,
    (all: string, quoted?: string, token?: string) => {
      if (isAscii(all)) return all;
      const text = quoted?.replace(/\\(.)/g, '$1') ?? token!;
      return `="${encodedWords(text, 20).trimStart()}"`;
    },
  );
  return ` ${encoded.replace(/;\s+(?=\S)/g, ';\r\n ')}`;
}
