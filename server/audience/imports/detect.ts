/** What a file is, from its beginning: encoding, delimiter, heading, columns. Pure; the same for preview and import. */
import type { FieldError, FieldErrorCode } from '../../errors.ts';
import { AppError } from '../../errors.ts';
import { type KnownAttribute, looksLikeHeader, suggestTargets, type Target } from './columns.ts';
import { CsvReader, type CsvRow } from './csv.ts';
import { Decoder, damage, detectEncoding, type Encoding } from './encoding.ts';

export const SAMPLE_BYTES = 256 * 1024;
export const MAX_COLUMNS = 500;
const SAMPLE_ROWS = 50;
const DELIMITERS = [',', '\t', ';'] as const;
/** Share of characters that are none: more is not a broken row but another encoding or no text at all. */
const MAX_DAMAGE = 0.01;

/** What the caller says; the rest is found out. */
export interface Wish {
  encoding?: Encoding | undefined;
  delimiter?: string | undefined;
  hasHeader?: boolean | undefined;
}

export interface Detected {
  encoding: Encoding;
  delimiter: string;
  newline: '\n' | '\r';
  hasHeader: boolean;
  /** one for each column; empty strings without a heading */
  headers: string[];
  /** the first records below the heading */
  samples: string[][];
  suggestions: Target[];
}

/**
 * @throws AppError `import-invalid` with a named error: empty-file, excel-file, binary-file, wrong-encoding,
 *   broken-heading, too-many-columns, no-rows
 */
export function detect(
  sample: Buffer,
  complete: boolean,
  attributes: readonly KnownAttribute[],
  wish: Wish = {},
): Detected {
  if (sample.length === 0) throw invalid('empty-file', 'The file is empty');
  refuseKnownKinds(sample);
  const encoding = wish.encoding ?? detectEncoding(sample, complete);
  const decoder = new Decoder(encoding);
  const text = decoder.push(sample) + (complete ? decoder.end() : '');
  if (text.includes('\0')) throw invalid('binary-file', 'The file is not text: it holds NUL bytes');
  if (damage(sample, encoding, complete) > text.length * MAX_DAMAGE) {
    throw invalid('wrong-encoding', `The file is not text in ${encoding}`, encoding);
  }
  const newline = !text.includes('\n') && text.includes('\r') ? '\r' : '\n';
  const delimiter = wish.delimiter ?? detectDelimiter(text, newline, complete);
  const rows = readRows(text, delimiter, newline, complete);
  if (!rows[0]) throw invalid('no-rows', 'The file has no rows');
  if (rows[0].problem) {
    throw invalid(
      'broken-heading',
      `Line ${rows[0].line}, the heading, is broken (${rows[0].problem})`,
      rows[0].fields[0],
    );
  }
  const first = rows[0].fields;
  if (first.length > MAX_COLUMNS) {
    throw invalid(
      'too-many-columns',
      `The file has ${first.length} columns; at most ${MAX_COLUMNS} are read`,
      first.length,
    );
  }
  const hasHeader = wish.hasHeader ?? looksLikeHeader(first);
  const headers = hasHeader ? first.map((header) => header.trim()) : first.map(() => '');
  const below = hasHeader ? rows.slice(1) : rows;
  const samples = below.filter((row) => row.problem === null).map((row) => row.fields);
  if (below.length === 0 && complete)
    throw invalid('no-rows', 'The file has a heading but no rows below it', headers.join(', '));
  return {
    encoding,
    delimiter,
    newline,
    hasHeader,
    headers,
    samples,
    suggestions: suggestTargets(headers, samples, attributes),
  };
}

export function invalid(code: FieldErrorCode, message: string, value?: unknown): AppError {
  const error: FieldError = { pointer: '/file', code, message };
  if (value !== undefined) error.value = value;
  return new AppError('import-invalid', message, [error]);
}

/** Excel's own files are what people try first. */
function refuseKnownKinds(sample: Buffer): void {
  const zip = sample.subarray(0, 4).equals(Buffer.from('PK\x03\x04'));
  const ole = sample.subarray(0, 8).equals(Buffer.from('d0cf11e0a1b11ae1', 'hex'));
  if (zip || ole) {
    throw invalid(
      'excel-file',
      'This is an Excel workbook. Save it as CSV ("CSV UTF-8") and upload that file',
    );
  }
}

function readRows(text: string, delimiter: string, newline: '\n' | '\r', complete: boolean): CsvRow[] {
  const reader = new CsvReader({ delimiter, newline, maxRecord: SAMPLE_BYTES / 4 });
  const rows = reader.push(text);
  // The last record of a sample may be cut; without any end of line it is all there is to judge.
  if (complete || rows.length === 0) rows.push(...reader.end());
  return rows.slice(0, SAMPLE_ROWS + 1);
}

/** The one that gives the most rows of the same, greater number of columns. */
function detectDelimiter(text: string, newline: '\n' | '\r', complete: boolean): string {
  let best: { delimiter: string; score: number } = { delimiter: ',', score: 0 };
  for (const delimiter of DELIMITERS) {
    const rows = readRows(text, delimiter, newline, complete);
    const columns = rows[0]?.fields.length ?? 0;
    if (columns < 2) continue;
    const alike = rows.filter((row) => row.fields.length === columns).length / rows.length;
    // Alike counts most: a comma in free text must not beat the tabs of a TSV file.
    const score = alike * alike * Math.log2(columns + 1);
    if (score > best.score) best = { delimiter, score };
  }
  return best.delimiter;
}
