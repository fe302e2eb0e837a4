/** Which encoding a file is in, and its bytes as text. */
import { isUtf8 } from 'node:buffer';

/** CP932 is Windows-31J: what Excel in Japan saves as "Shift_JIS", with ①, ㈱, 髙 and ～. */
export type Encoding = 'utf-8' | 'cp932' | 'utf-16le' | 'utf-16be' | 'euc-jp';

/** The web's `shift_jis` is Windows-31J (WHATWG Encoding §12.3), not plain Shift_JIS. */
const LABELS: Record<Encoding, string> = {
  'utf-8': 'utf-8',
  cp932: 'shift_jis',
  'utf-16le': 'utf-16le',
  'utf-16be': 'utf-16be',
  'euc-jp': 'euc-jp',
};
const ALIASES: Record<string, Encoding> = {
  utf8: 'utf-8',
  'utf-8-bom': 'utf-8',
  shift_jis: 'cp932',
  'shift-jis': 'cp932',
  sjis: 'cp932',
  ms932: 'cp932',
  'windows-31j': 'cp932',
  'utf-16': 'utf-16le',
  eucjp: 'euc-jp',
};
export const ENCODINGS = Object.keys(LABELS) as Encoding[];

/** A caller's word for an encoding, undefined when it is not known. */
export function parseEncoding(name: string): Encoding | undefined {
  const lower = name.trim().toLowerCase();
  return ENCODINGS.find((encoding) => encoding === lower) ?? ALIASES[lower];
}

/** Turns pieces of a file into text: a character cut in two is kept for the next piece, a BOM is dropped, bad bytes become U+FFFD. */
export class Decoder {
  readonly #decoder: InstanceType<typeof TextDecoder>;

  constructor(encoding: Encoding) {
    this.#decoder = new TextDecoder(LABELS[encoding]);
  }

  push(bytes: Uint8Array): string {
    return this.#decoder.decode(bytes, { stream: true });
  }

  end(): string {
    return this.#decoder.decode();
  }
}

/**
 * Judges a file's first bytes. A byte order mark decides; else what is valid UTF-8 is UTF-8, as CP932 in Japanese
 * practically never is by chance. With neither clean, the one with less damage wins, so that a file with a few
 * broken rows is not read as mojibake from end to end.
 * @param complete the sample is the whole file; else its last character may be cut
 */
export function detectEncoding(sample: Buffer, complete: boolean): Encoding {
  if (sample[0] === 0xff && sample[1] === 0xfe) return 'utf-16le';
  if (sample[0] === 0xfe && sample[1] === 0xff) return 'utf-16be';
  const utf8 = damage(sample, 'utf-8', complete);
  if (utf8 === 0) return 'utf-8';
  return damage(sample, 'cp932', complete) < utf8 ? 'cp932' : 'utf-8';
}

/** Characters that are no characters in this encoding. */
export function damage(sample: Buffer, encoding: Encoding, complete: boolean): number {
  const decoder = new Decoder(encoding);
  const text = decoder.push(sample) + (complete ? decoder.end() : '');
  let count = 0;
  for (let at = text.indexOf('\ufffd'); at >= 0; at = text.indexOf('\ufffd', at + 1)) count += 1;
  return count;
}

/**
 * Watches a whole upload, so that a file whose first Japanese character comes after the sample is not taken for
 * UTF-8: `isUtf8` runs at several GB/s, the character at the seam is carried over.
 */
export class Utf8Watch {
  #carry: Buffer = Buffer.alloc(0);
  #valid = true;

  push(chunk: Buffer): void {
    if (!this.#valid) return;
    const bytes = this.#carry.length > 0 ? Buffer.concat([this.#carry, chunk]) : chunk;
    const end = bytes.length - cutBytes(bytes);
    this.#valid = isUtf8(bytes.subarray(0, end));
    this.#carry = Buffer.from(bytes.subarray(end));
  }

  end(): boolean {
    return this.#valid && this.#carry.length === 0;
  }
}

/** Bytes at the end that begin a UTF-8 character without finishing it: 0 to 3. */
function cutBytes(bytes: Buffer): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back += 1) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0;
  }
  return 0;
}
