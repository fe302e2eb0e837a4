import Encoding from 'encoding-japanese';
import { describe, expect, test } from 'vitest';
import { AppError } from '../../errors.ts';
import { suggestTargets } from './columns.ts';
import { detect, SAMPLE_BYTES, type Wish } from './detect.ts';
import { Decoder, detectEncoding, type Encoding as Name, parseEncoding, Utf8Watch } from './encoding.ts';

const TEXT = 'メールアドレス,氏名,備考\r\nhanako@example.jp,髙橋 花子,①㈱～―∥－￢\r\n';
const cp932 = (text: string) =>
  Buffer.from(Encoding.convert(text, { from: 'UNICODE', to: 'SJIS', type: 'array' }));
const utf16 = (text: string, big = false) => {
  const bytes = Buffer.from(`\ufeff${text}`, 'utf16le');
  return big ? bytes.swap16() : bytes;
};
const ATTRIBUTES = [
  { key: 'prefecture', label: '都道府県' },
  { key: 'points', label: 'ポイント' },
];
const found = (bytes: Buffer, wish: Wish = {}) => detect(bytes, true, ATTRIBUTES, wish);
const error = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(AppError);
    return [(thrown as AppError).code, (thrown as AppError).errors[0]?.code];
  }
};

describe('encoding', () => {
  test.each<[string, Buffer, Name]>([
    ['UTF-8', Buffer.from(TEXT), 'utf-8'],
    ['UTF-8 with BOM', Buffer.from(`\ufeff${TEXT}`), 'utf-8'],
    ['ASCII', Buffer.from('email\na@example.jp\n'), 'utf-8'],
    ['CP932 with ①㈱髙～', cp932(TEXT), 'cp932'],
    ['UTF-16LE', utf16(TEXT), 'utf-16le'],
    ['UTF-16BE', utf16(TEXT, true), 'utf-16be'],
  ])('%s', (_name, bytes, expected) => {
    const { encoding, headers, samples } = found(bytes);
    expect(encoding).toBe(expected);
    if (expected !== 'utf-8' || bytes.length > 50) {
      expect(headers).toEqual(['メールアドレス', '氏名', '備考']);
      expect(samples).toEqual([['hanako@example.jp', '髙橋 花子', '①㈱～―∥－￢']]);
    }
  });

  test.each([1, 2, 3])(
    'a UTF-8 character cut after byte %i at the end of the sample does not make it CP932',
    (cut) => {
      const bytes = Buffer.from(`${TEXT}𠮷`);
      expect(detectEncoding(bytes.subarray(0, bytes.length - cut), false)).toBe('utf-8');
    },
  );

  test('a CP932 character cut at the end of the sample', () => {
    const bytes = cp932(TEXT.trimEnd());
    expect(detectEncoding(bytes.subarray(0, bytes.length - 1), false)).toBe('cp932');
  });

  test('one broken byte in UTF-8 does not turn the file into mojibake', () => {
    const bytes = Buffer.from(TEXT.repeat(20));
    bytes[bytes.indexOf('橋')] = 0xff;
    expect(detectEncoding(bytes, true)).toBe('utf-8');
  });

  test.each<[string, Name | undefined]>([
    ['Shift_JIS', 'cp932'],
    ['windows-31j', 'cp932'],
    [' UTF8 ', 'utf-8'],
    ['EUC-JP', 'euc-jp'],
    ['latin1', undefined],
  ])('the name %s', (name, expected) => expect(parseEncoding(name)).toBe(expected));

  test('pieces are decoded across their seams', () => {
    for (const [name, bytes] of [
      ['cp932', cp932(TEXT)],
      ['utf-8', Buffer.from(`\ufeff${TEXT}`)],
      ['utf-16be', utf16(TEXT, true)],
    ] as const) {
      const decoder = new Decoder(name);
      let text = '';
      for (const byte of bytes) text += decoder.push(Buffer.from([byte]));
      expect(text + decoder.end()).toBe(TEXT);
    }
  });

  test('a whole upload is watched for UTF-8, whatever its pieces', () => {
    const valid = Buffer.from(`${TEXT}𠮷`);
    const judge = (bytes: Buffer, size: number) => {
      const watch = new Utf8Watch();
      for (let at = 0; at < bytes.length; at += size) watch.push(bytes.subarray(at, at + size));
      return watch.end();
    };
    for (const size of [1, 2, 3, 5, 1000]) {
      expect(judge(valid, size)).toBe(true);
      expect(judge(valid.subarray(0, valid.length - 1), size)).toBe(false);
      expect(judge(cp932(TEXT), size)).toBe(false);
    }
  });
});

describe('delimiter and heading', () => {
  test.each<[string, string, string, boolean, string[]]>([
    ['comma', 'email,name\na@example.jp,A\n', ',', true, ['email', 'name']],
    [
      'tab, with commas in the text',
      'email\tmemo\na@example.jp\tx,y,z\nb@example.jp\tu,v,w\n',
      '\t',
      true,
      ['email', 'memo'],
    ],
    ['semicolon', 'email;name;x\na@example.jp;A;1\n', ';', true, ['email', 'name', 'x']],
    ['one column', 'email\na@example.jp\n', ',', true, ['email']],
    ['addresses alone', 'a@example.jp\nb@example.jp\n', ',', false, ['']],
    ['people without heading', 'a@example.jp,A\nb@example.jp,B\n', ',', false, ['', '']],
    [
      'quoted heading with a line break',
      '"email\naddress","a, b"\na@example.jp,A\n',
      ',',
      true,
      ['email\naddress', 'a, b'],
    ],
  ])('%s', (_name, text, delimiter, hasHeader, headers) => {
    expect(found(Buffer.from(text))).toMatchObject({ delimiter, hasHeader, headers });
  });

  test('what the caller says wins', () => {
    const wish: Wish = { encoding: 'cp932', delimiter: ';', hasHeader: false };
    expect(found(cp932('メール;名前\na@example.jp;山田\n'), wish)).toMatchObject({
      encoding: 'cp932',
      delimiter: ';',
      hasHeader: false,
      headers: ['', ''],
      samples: [
        ['メール', '名前'],
        ['a@example.jp', '山田'],
      ],
    });
  });
});

describe('what cannot be imported, by name', () => {
  test.each<[string, Buffer, string, Wish?]>([
    ['nothing', Buffer.alloc(0), 'empty-file'],
    ['only a BOM', Buffer.from('\ufeff'), 'no-rows'],
    ['blank lines', Buffer.from('\r\n,,\r\n'), 'no-rows'],
    ['a heading alone', Buffer.from('email,name\n'), 'no-rows'],
    ['an Excel workbook', Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(100, 1)]), 'excel-file'],
    ['an old Excel workbook', Buffer.from('d0cf11e0a1b11ae1000000', 'hex'), 'excel-file'],
    ['NUL bytes', Buffer.from('email\na@example.jp\0\n'), 'binary-file'],
    [
      'bytes that are no text',
      Buffer.from(Array.from({ length: 600 }, (_, i) => 0x80 + ((i * 7) % 0x80))),
      'wrong-encoding',
    ],
    ['CP932 said to be UTF-8', cp932(TEXT), 'wrong-encoding', { encoding: 'utf-8' }],
    ['10,000 columns', Buffer.from(`${Array(10_000).fill('a').join(',')}\nb\n`), 'too-many-columns'],
    ['a broken heading', Buffer.from('em"ail,name\na@example.jp,A\n'), 'broken-heading'],
  ])('%s: %s', (_name, bytes, code, wish) => {
    expect(error(() => found(bytes, wish))).toEqual(['import-invalid', code]);
  });

  test('a sample without one end of line is judged by its beginning', () => {
    const bytes = Buffer.alloc(SAMPLE_BYTES, 'x');
    expect(error(() => detect(bytes, false, []))).toEqual(['import-invalid', 'broken-heading']);
  });
});

describe('columns', () => {
  test.each<[string[], string[][], (string | null)[]]>([
    [['E-mail', 'お名前', '都道府県'], [], ['email', 'name', 'prefecture']],
    [['メール アドレス', '氏　名', 'ﾎﾟｲﾝﾄ'], [], ['email', 'name', 'points']],
    [['MAIL_ADDRESS', 'Full Name', 'POINTS'], [], ['email', 'name', 'points']],
    [['会員番号', 'email', 'メール'], [], [null, 'email', null]],
    [
      ['番号', '連絡先'],
      [
        ['1', 'a@example.jp'],
        ['2', 'b@example.jp'],
      ],
      [null, 'email'],
    ],
    [
      ['', ''],
      [
        ['1', '山田'],
        ['2', '鈴木'],
      ],
      [null, null],
    ],
  ])('%j', (headers, samples, expected) =>
    expect(suggestTargets(headers, samples, ATTRIBUTES)).toEqual(expected),
  );
});
