/**
 * Header fields in 7 bits: RFC 5322 folding, RFC 2047 encoded-words, RFC 2231 parameters. Functions answer without the
 * final CRLF; no function lets a line break of a value through.
 */

// RFC 5322 §2.1.1: lines should stay within 78 characters and must stay within 998
const FOLD_AT = 78;
const LINE_MAX = 998;
// RFC 2047 §2: an encoded-word has at most 75 characters, a line that holds one at most 76
const WORD_LINE = 76;
const WORD_START = '=?UTF-8?B?';
const WORD_END = '?=';
const WORD_OVERHEAD = WORD_START.length + WORD_END.length;

// biome-ignore lint/suspicious/noControlCharactersInRegex: replacing them is the purpose
const CONTROL = /[\x00-\x1f\x7f\u2028\u2029]+/g;

/** CR, LF and other control characters become one space: a value can never start a field of its own. */
export function oneLine(value: string): string {
  return value.search(CONTROL) < 0 ? value : value.replace(CONTROL, ' ').trim();
}

/** `Name: value` for unstructured text (Subject and the caller's own fields). */
export function textField(name: string, value: string): string {
  const text = oneLine(value).trim();
  const field = `${name}: ${text}`;
  if (isPlain(text)) {
    if (field.length <= FOLD_AT) return field;
    const folded = fold(field, name.length + 2);
    if (folded !== null) return folded;
  }
  return `${name}:${encodedWords(text, name.length + 1)}`;
}

/** `Name: "Display" <address>`; the address must be ASCII or the message needs SMTPUTF8. */
export function mailboxField(name: string, displayName: string, address: string): string {
  const display = oneLine(displayName).trim();
  if (display === '') return `${name}: ${address}`;
  const phrase = phraseOf(display, name.length + 1);
  const lastLine =
    phrase.length - phrase.lastIndexOf('\n') - 1 + (phrase.includes('\n') ? 0 : name.length + 1);
  const gap = lastLine + address.length + 3 > FOLD_AT ? '\r\n ' : ' ';
  return `${name}:${phrase}${gap}<${address}>`;
}

/** A display name in front of `<…>` (RFC 5322 `phrase`), with its leading space. */
export function phraseOf(name: string, column: number): string {
  const display = oneLine(name);
  if (!isPlain(display)) return encodedWords(display, column);
  // RFC 5322 §3.2.4: what is not made of atoms alone is quoted
  const atoms = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/.test(display);
  const phrase = atoms ? ` ${display}` : ` "${display.replace(/["\\]/g, '\\$&')}"`;
  // Quoting may double its length.
  return column + phrase.length > LINE_MAX ? encodedWords(display, column) : phrase;
}

/** Encoded-words, each with its leading space or fold, split between characters. `column`: where the first one starts. */
export function encodedWords(text: string, column: number): string {
  let out = '';
  let room = WORD_LINE - column - 1;
  let lead = ' ';
  const nextLine = () => {
    lead = '\r\n ';
    room = WORD_LINE - 1;
  };
  let word = '';
  let bytes = 0;
  const flush = () => {
    out += `${lead}${WORD_START}${Buffer.from(word).toString('base64')}${WORD_END}`;
    word = '';
    bytes = 0;
    nextLine();
  };
  // not even two characters of Japanese would fit behind a long field name
  if (room < WORD_OVERHEAD + 8) nextLine();
  for (const char of text) {
    const size = utf8Length(char);
    if (bytes > 0 && WORD_OVERHEAD + base64Length(bytes + size) > room) flush();
    word += char;
    bytes += size;
  }
  if (bytes > 0) flush();
  return out;
}

/** `; name="value"`, folded onto a line of its own; RFC 2231 continuations when it is long or not ASCII. */
export function parameter(name: string, value: string): string {
  const text = oneLine(value);
  const quoted = `${name}="${text.replace(/["\\]/g, '\\$&')}"`;
  if (isAscii(text) && quoted.length < WORD_LINE) return `;\r\n ${quoted}`;
  const lines: string[] = [];
  let line = "utf-8''";
  for (const char of text) {
    // RFC 2231 §7 attribute-char
    const encoded = /[A-Za-z0-9!#$&+.^_`{|}~-]/.test(char)
      ? char
      : Buffer.from(char).reduce(
          (hex, byte) => `${hex}%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
          '',
        );
    if (line.length + encoded.length > 60) {
      lines.push(line);
      line = '';
    }
    line += encoded;
  }
  lines.push(line);
  if (lines.length === 1) return `;\r\n ${name}*=${lines[0]}`;
  return lines.map((part, i) => `;\r\n ${name}*${i}*=${part}`).join('');
}

/**
 * `; name="=?UTF-8?B?…?="`: against RFC 2047 §5, but what mail programs of Japan read when they do not know
 * RFC 2231; the Content-Disposition carries the correct form.
 */
export function legacyParameter(name: string, value: string): string {
  const text = oneLine(value);
  if (isAscii(text)) return parameter(name, text);
  return `;\r\n ${name}="${encodedWords(text, name.length + 2).trimStart()}"`;
}

let lastDate = { at: Number.NaN, value: '' };

/** RFC 5322 §3.3 date-time, in UTC. Rows that were enqueued together have the same. */
export function dateValue(epochMs: number): string {
  if (lastDate.at !== epochMs)
    lastDate = { at: epochMs, value: new Date(epochMs).toUTCString().replace('GMT', '+0000') };
  return lastDate.value;
}

// Printable ASCII that no reader takes for an encoded-word.
function isPlain(text: string): boolean {
  return isAscii(text) && !text.includes('=?');
}

export function isAscii(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII from end to end
  return /^[\x00-\x7f]*$/.test(text);
}

/** Folds at single spaces after `from`; null when a line would stay too long for that. */
function fold(field: string, from: number): string | null {
  let out = '';
  let start = 0;
  let candidate = -1;
  for (let i = from; i <= field.length; i++) {
    const end = i === field.length;
    // a run of spaces is left whole, so that unfolding gives back what was typed
    const isFold = !end && i > from && field[i] === ' ' && field[i - 1] !== ' ' && field[i + 1] !== ' ';
    if (!end && !isFold) continue;
    if (i - start > FOLD_AT && candidate > start) {
      out += `${field.slice(start, candidate)}\r\n`;
      start = candidate;
    }
    if (i - start > LINE_MAX) return null;
    candidate = i;
  }
  return out + field.slice(start);
}

function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

function utf8Length(char: string): number {
  const code = char.codePointAt(0)!;
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}
