import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CsvReader, type CsvRow } from './csv.ts';

function readAll(
  text: string,
  pieces: number[] = [],
  options: { delimiter?: string; maxRecord?: number; newline?: '\r' } = {},
): CsvRow[] {
  const reader = new CsvReader({ delimiter: ',', ...options });
  const rows: CsvRow[] = [];
  let at = 0;
  for (const size of pieces) {
    rows.push(...reader.push(text.slice(at, at + size)));
    at += size;
  }
  rows.push(...reader.push(text.slice(at)), ...reader.end());
  return rows;
}
const short = (rows: CsvRow[]) => rows.map((row) => [row.line, row.problem ?? row.fields.join('|')]);

describe('records', () => {
  const cases: [string, string, unknown[]][] = [
    [
      'LF',
      'a,b\nc,d\n',
      [
        [1, 'a|b'],
        [2, 'c|d'],
      ],
    ],
    [
      'CRLF, no end of line at the end',
      'a,b\r\nc,d',
      [
        [1, 'a|b'],
        [2, 'c|d'],
      ],
    ],
    [
      'a mix of both',
      'a,b\r\nc,d\ne,f\r\n',
      [
        [1, 'a|b'],
        [2, 'c|d'],
        [3, 'e|f'],
      ],
    ],
    [
      'empty lines and lines of delimiters are left out',
      'a,b\n\n,\n , \nc,d\n',
      [
        [1, 'a|b'],
        [5, 'c|d'],
      ],
    ],
    [
      'quoted line breaks',
      'a,"b\r\nb2"\nc,"d\nd2\nd3"\ne,f\n',
      [
        [1, 'a|b\r\nb2'],
        [3, 'c|d\nd2\nd3'],
        [6, 'e|f'],
      ],
    ],
    [
      'doubled quotes',
      '"a ""x""",b\n"""",c\n',
      [
        [1, 'a "x"|b'],
        [2, '"|c'],
      ],
    ],
    [
      'quoted delimiters and empty quotes',
      '"a,b",""\n"","c"\n',
      [
        [1, 'a,b|'],
        [2, '|c'],
      ],
    ],
    ['a delimiter at the very end', 'a,"b",', [[1, 'a|b|']]],
    ['a quoted field at the very end', 'a,"b"', [[1, 'a|b']]],
  ];
  test.each(cases)('%s', (_name, text, expected) => {
    expect(short(readAll(text))).toEqual(expected);
    expect(
      short(
        readAll(
          text,
          [...text].map(() => 1),
        ),
      ),
    ).toEqual(expected);
  });

  test('lines that end with CR alone', () => {
    expect(short(readAll('a,b\rc,"d"\re,f', [], { newline: '\r' }))).toEqual([
      [1, 'a|b'],
      [2, 'c|d'],
      [3, 'e|f'],
    ]);
  });
});

describe('a broken row costs its own line only', () => {
  const cases: [string, string, unknown[]][] = [
    [
      'text after a closing quote',
      'a,b\n"x"y,2\nc,d\n"e",f\n',
      [
        [1, 'a|b'],
        [2, 'stray-quote'],
        [3, 'c|d'],
        [4, 'e|f'],
      ],
    ],
    [
      'a quote inside a bare field',
      'a,b\nx"y",2\nc,d\n"e",f\n',
      [
        [1, 'a|b'],
        [2, 'stray-quote'],
        [3, 'c|d'],
        [4, 'e|f'],
      ],
    ],
    [
      'a quote that meets a later one',
      'a,b\n"x,2\nc,d\n"e",f\ng,h\n',
      [
        [1, 'a|b'],
        [2, 'stray-quote'],
        [3, 'c|d'],
        [4, 'e|f'],
        [5, 'g|h'],
      ],
    ],
    [
      'a quote that never closes',
      'a,b\n"x,2\nc,d\ne,f\n',
      [
        [1, 'a|b'],
        [2, 'quote-not-closed'],
        [3, 'c|d'],
        [4, 'e|f'],
      ],
    ],
    [
      'the same in the last line',
      'a,b\nc,"d',
      [
        [1, 'a|b'],
        [2, 'quote-not-closed'],
      ],
    ],
  ];
  test.each(cases)('%s', (_name, text, expected) => {
    expect(short(readAll(text))).toEqual(expected);
    expect(
      short(
        readAll(
          text,
          [...text].map(() => 1),
        ),
      ),
    ).toEqual(expected);
  });

  test('a quote that never closes does not hold more than one record of text', () => {
    const text = `a,b\n"x,2\n${'c,d\n'.repeat(100)}"e",f\n`;
    const rows = readAll(
      text,
      [...text].map(() => 1),
      { maxRecord: 40 },
    );
    expect(rows[1]).toEqual({ line: 2, fields: ['"x,2'], problem: 'quote-not-closed' });
    expect(rows).toHaveLength(103);
    expect(rows.at(-1)).toEqual({ line: 103, fields: ['e', 'f'], problem: null });
  });

  test('a line that is too long is dropped to its end', () => {
    const text = `a,b\n${'x'.repeat(500)},y\nc,d\n`;
    for (const pieces of [[], [...text].map(() => 1), [100, 300]]) {
      const rows = readAll(text, pieces, { maxRecord: 100 });
      expect(short(rows)).toEqual([
        [1, 'a|b'],
        [2, 'line-too-long'],
        [3, 'c|d'],
      ]);
    }
  });
});

test('agrees with csv-parse on every well-formed text, however it is cut', () => {
  const field = fc.string({
    unit: fc.constantFrom('a', 'あ', '㈱', ' ', ',', '"', '\n', '\r', '\t', "'"),
    maxLength: 6,
  });
  const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const written = fc
    .tuple(field, fc.boolean())
    .map(([text, always]) => (always || /[",\r\n]/.test(text) ? quote(text) : text));
  fc.assert(
    fc.property(
      fc.array(fc.array(written, { minLength: 1, maxLength: 4 }), { maxLength: 6 }),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 20 }),
      (records, newline, ended, pieces) => {
        const text = records.map((record) => record.join(',')).join(newline) + (ended ? newline : '');
        const expected = parse(text, {
          relax_column_count: true,
          record_delimiter: ['\r\n', '\n'],
          skip_empty_lines: true,
        }) as string[][];
        const kept = expected.filter((record) => record.some((cell) => cell.trim() !== ''));
        const rows = readAll(text, pieces);
        expect(rows.map((row) => row.fields)).toEqual(kept);
        expect(rows.every((row) => row.problem === null)).toBe(true);
      },
    ),
    { numRuns: 2000 },
  );
});
