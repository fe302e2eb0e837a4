import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import { describe, expect, it } from 'vitest';
import { canonicalizeBody } from '../message/dkim.ts';
import {
  ByteWriter,
  chooseEncoding,
  encodeBase64,
  endLine,
  normalizeBreaks,
  type PartEncoder,
  partEncoder,
} from '../message/encode.ts';

const piece = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: fc.string({ unit: 'grapheme-ascii', maxLength: 40 }) },
      {
        weight: 3,
        arbitrary: fc.constantFrom('届け', '😀', ' ', '  ', '\t', '=', '.', '..', 'From me', '\u00a0'),
      },
      { weight: 2, arbitrary: fc.constantFrom('\r\n', '\r\n\r\n', '\r\n.\r\n', ' \r\n') },
    ),
    { maxLength: 12 },
  )
  .map((parts) => normalizeBreaks(parts.join('')));
const encodings: PartEncoder['encoding'][] = ['quoted-printable', 'base64'];

function encode(encoding: PartEncoder['encoding'], literals: string[], values: string[] | null): Buffer {
  const writer = new ByteWriter();
  const encoder = partEncoder(encoding, literals);
  if (values) encoder.writeFilled(writer, values);
  else encoder.writeWhole(writer, literals.join(''));
  return writer.copy();
}

async function decode(encoding: string, body: Buffer): Promise<string> {
  const head = `MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`;
  const parsed = await simpleParser(Buffer.concat([Buffer.from(head), body]), { skipTextToHtml: true });
  return parsed.text ?? '';
}

function checkBody(body: Buffer): void {
  const text = body.toString('latin1');
  expect(text).toMatch(/^[\x20-\x7e\r\n]*$/);
  expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
  expect(text.endsWith('\r\n')).toBe(true);
  for (const line of text.split('\r\n')) {
    expect(line.length).toBeLessThanOrEqual(76);
    expect(line.startsWith('.')).toBe(false);
    expect(line.startsWith('From ')).toBe(false);
  }
}

describe.each(encodings)('%s', (encoding) => {
  it('filled piece by piece, decodes to the whole text', async () => {
    await fc.assert(
      fc.asyncProperty(piece, fc.array(fc.tuple(piece, piece), { maxLength: 6 }), async (first, rest) => {
        const literals = [first, ...rest.map(([, literal]) => literal)];
        literals[literals.length - 1] = endLine(literals.at(-1)!);
        const values = rest.map(([value]) => value);
        const whole = literals[0] + values.map((value, i) => value + literals[i + 1]).join('');
        const body = encode(encoding, literals, values);
        checkBody(body);
        // mailparser answers LF and drops the last line break
        const clean = (text: string) => text.replaceAll('\r\n', '\n').replace(/\n+$/, '');
        expect(clean(await decode(encoding, body))).toBe(clean(whole));
      }),
    );
  });

  it('as a whole, decodes too and is its own relaxed canonical form', async () => {
    await fc.assert(
      fc.asyncProperty(piece, async (text) => {
        const whole = `x${endLine(text)}`;
        const body = encode(encoding, [whole], null);
        checkBody(body);
        expect(canonicalizeBody(body)).toEqual(body);
        const clean = (part: string) => part.replaceAll('\r\n', '\n').replace(/\n+$/, '');
        expect(clean(await decode(encoding, body))).toBe(clean(whole));
      }),
    );
  });
});

describe('quoted-printable', () => {
  it.each([
    ['a=b', 'a=3Db\r\n'],
    ['tab\there', 'tab=09here\r\n'],
    ['end \r\nnext', 'end=20\r\nnext\r\n'],
    // two spaces in a row would be one after relaxed canonicalisation
    ['a   b', 'a =20 b\r\n'],
    ['.\r\n..', '=2E\r\n=2E.\r\n'],
    ['From me', '=46rom me\r\n'],
    ['é😀\ud800', '=C3=A9=F0=9F=98=80=EF=BF=BD\r\n'],
    ['x'.repeat(76), `${'x'.repeat(75)}=\r\nx\r\n`],
  ])('%j', (text, encoded) => {
    expect(encode('quoted-printable', [`${text}\r\n`], null).toString()).toBe(encoded);
  });
});

it('the encoding is the shorter one: base64 where much is not ASCII', () => {
  expect(chooseEncoding('Hello, caf\u00e9 on the corner')).toBe('quoted-printable');
  expect(chooseEncoding('<p>届けの新しいお知らせです</p>')).toBe('base64');
  expect(chooseEncoding('')).toBe('quoted-printable');
});

it.each([
  ['a\nb\rc\r\nd', 'a\r\nb\r\nc\r\nd'],
  ['\r\r\n\n', '\r\n\r\n\r\n'],
])('bare CR and LF become CRLF: %j', (text, normal) => {
  expect(normalizeBreaks(text)).toBe(normal);
});

describe('what is encoded here and not by Node', () => {
  it('base64 is Node’s, in lines of 76, at every length around a line and a group of three', () => {
    for (let length = 0; length <= 180; length += 1) {
      const bytes = Buffer.from(Array.from({ length }, (_, i) => (i * 197 + length) & 255));
      const lines = bytes.toString('base64').match(/.{1,76}/g) ?? [];
      expect(encodeBase64(bytes).toString('latin1')).toBe(lines.map((line) => `${line}\r\n`).join(''));
    }
  });

  it.each([
    ['ASCII', 'https://www.example.jp/?a=1&b=2'],
    ['two bytes each', 'Grüße żółć'],
    ['three bytes each', '佐藤 花子 様\uffff\ud7ff\ue000'],
    ['a surrogate pair at the end', '𠮷野家🍚'],
    ['half a pair', 'a\ud83dz'],
    ['more than is done by hand', '米'.repeat(300)],
  ])('UTF-8 of %s is Node’s', (_, text) => {
    const writer = new ByteWriter();
    writer.utf8('>');
    writer.utf8(text);
    writer.utf8('<');
    expect(writer.copy()).toEqual(Buffer.from(`>${text}<`));
  });
});
