/** Just enough of RFC 5322 and RFC 2047 to name a mail in a list; the server parses the whole mail when one is opened. */

const HEADER_BYTES = 64 * 1024;

/** The decoded value of the first header field of that name, '' when there is none. */
export function headerValue(raw: Buffer, name: string): string {
  const field = new RegExp(`^${name}:[ \\t]*(.*(?:\\r?\\n[ \\t].*)*)`, 'im').exec(headerSection(raw));
  return field ? decodeWords(unfold(field[1]!)).trim() : '';
}

/** All header fields in their order, unfolded and decoded. */
export function headerFields(raw: Buffer): { name: string; value: string }[] {
  return unfold(headerSection(raw))
    .split(/\r?\n/)
    .flatMap((line) => {
      const colon = line.indexOf(':');
      return colon > 0
        ? [{ name: line.slice(0, colon), value: decodeWords(line.slice(colon + 1)).trim() }]
        : [];
    });
}

function headerSection(raw: Buffer): string {
  const head = raw.subarray(0, HEADER_BYTES).toString('utf8');
  const end = head.search(/\r?\n\r?\n/);
  return end < 0 ? head : head.slice(0, end);
}

const unfold = (text: string): string => text.replace(/\r?\n(?=[ \t])/g, '');

/** RFC 2047 encoded words; white space between two of them is dropped (§6.2), unknown charsets stay as they are. */
export function decodeWords(text: string): string {
  // Adjoining words of one charset are joined before they are decoded: senders do split characters between them.
  const words = /=\?([^?*]+)(?:\*[^?]*)?\?([bq])\?([^?]*)\?=(?:\s+(?==\?))?/gi;
  const parts: { charset: string; bytes: Buffer }[] = [];
  let out = '';
  let last = 0;
  const flush = (): void => {
    for (let i = 0; i < parts.length; ) {
      const { charset } = parts[i]!;
      let end = i + 1;
      while (end < parts.length && parts[end]!.charset === charset) end += 1;
      out += decode(charset, Buffer.concat(parts.slice(i, end).map((part) => part.bytes)));
      i = end;
    }
    parts.length = 0;
  };
  for (const match of text.matchAll(words)) {
    if (match.index > last) {
      flush();
      out += text.slice(last, match.index);
    }
    parts.push({ charset: match[1]!.toLowerCase(), bytes: wordBytes(match[2]!, match[3]!) });
    last = match.index + match[0].length;
  }
  flush();
  return out + text.slice(last);
}

function wordBytes(encoding: string, text: string): Buffer {
  if (encoding.toLowerCase() === 'b') return Buffer.from(text, 'base64');
  const latin = text
    .replace(/_/g, ' ')
    .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(latin, 'latin1');
}

function decode(charset: string, bytes: Buffer): string {
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return bytes.toString('latin1');
  }
}
