/** Bytes → text. Strings of bytes (latin1) go in, so that a mail is cut up without copying it about. */

// Labels that mail has and the Encoding Standard does not; CP932 is what it calls shift_jis.
const ALIASES: Readonly<Record<string, string>> = {
  cp932: 'shift_jis',
  'cp-932': 'shift_jis',
  'x-ms-cp932': 'shift_jis',
  'iso-2022-jp-ms': 'iso-2022-jp',
  'iso-2022-jp-1': 'iso-2022-jp',
  'iso-2022-jp-2': 'iso-2022-jp',
  'iso-2022-jp-3': 'iso-2022-jp',
  cp51932: 'euc-jp',
  'eucjp-ms': 'euc-jp',
  'x-euc-jp': 'euc-jp',
  cp936: 'gbk',
  cp949: 'euc-kr',
  cp950: 'big5',
  cp1250: 'windows-1250',
  cp1251: 'windows-1251',
  cp1252: 'windows-1252',
  utf8: 'utf-8',
};

const decoders = new Map<string, TextDecoder | null>();

function decoder(label: string): TextDecoder | null {
  const name = label.trim().toLowerCase().slice(0, 40);
  const known = decoders.get(name);
  if (known !== undefined) return known;
  let made: TextDecoder | null = null;
  try {
    made = new TextDecoder(ALIASES[name] ?? name);
  } catch {
    // an unknown label
  }
  // Names come from strangers: no more of them than there are encodings.
  if (decoders.size < 100) decoders.set(name, made);
  return made;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: what is not ASCII, and the escape of ISO-2022
const NOT_PLAIN = /[^\x00-\x1a\x1c-\x7f]/;
// RFC 1468: escape sequences that change to JIS X 0208
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape
const JIS = /\x1b\$[@B]/;
const strictUtf8 = new TextDecoder('utf-8', { fatal: true });
const strictEucJp = new TextDecoder('euc-jp', { fatal: true });

/** Never throws; what cannot be read becomes U+FFFD. `charset` may be '' or wrong. */
export function decodeCharset(bytes: string, charset: string): string {
  if (!NOT_PLAIN.test(bytes)) return bytes;
  const buffer = Buffer.from(bytes, 'latin1');
  const label = charset.trim().toLowerCase();
  if (label !== '' && label !== 'us-ascii' && label !== 'ascii') {
    const named = decoder(label);
    if (named) return named.decode(buffer);
  }
  if (JIS.test(bytes)) return decoder('iso-2022-jp')!.decode(buffer);
  for (const strict of [strictUtf8, strictEucJp]) {
    try {
      return strict.decode(buffer);
    } catch {
      // the next one
    }
  }
  return decoder('windows-1252')!.decode(buffer);
}

/** RFC 2045 §6.7, as lenient as its appendix asks: what is no escape stays. */
export function decodeQuotedPrintable(text: string): string {
  if (!text.includes('=')) return text;
  return text
    .replace(/=[ \t]*\n/g, '')
    .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Bytes as a latin1 string. Node's reader skips what is no base64. */
export function decodeBase64(text: string): string {
  return Buffer.from(text, 'base64').toString('latin1');
}

const WORD = /=\?([A-Za-z0-9_.:-]{1,40})(?:\*[A-Za-z0-9-]{0,20})?\?([BbQq])\?([^?]{0,2000})\?=/g;

/** RFC 2047 encoded-words, and raw 8-bit, in a header field's value. Neighbours of one charset are joined before decoding, as many split characters. */
export function decodeWords(value: string): string {
  if (!value.includes('=?')) return decodeCharset(value, '');
  let out = '';
  let last = 0;
  let pending = '';
  let pendingCharset = '';
  const flush = (): void => {
    if (pending !== '') out += decodeCharset(pending, pendingCharset);
    pending = '';
  };
  for (const match of value.matchAll(WORD)) {
    const [whole, charset = '', encoding = '', payload = ''] = match;
    const between = value.slice(last, match.index);
    // RFC 2047 §6.2: white space between encoded-words is not shown
    if (pending === '' || between.trim() !== '') {
      flush();
      out += decodeCharset(between, '');
    }
    const bytes =
      encoding === 'B' || encoding === 'b'
        ? decodeBase64(payload)
        : decodeQuotedPrintable(payload.replaceAll('_', ' '));
    if (charset.toLowerCase() !== pendingCharset) flush();
    pendingCharset = charset.toLowerCase();
    pending += bytes;
    last = match.index + whole.length;
  }
  flush();
  return out + decodeCharset(value.slice(last), '');
}
