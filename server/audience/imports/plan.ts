/** From what the caller sent to an import that can run: everything is checked before the file is accepted. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { imports } from '../../db/schema.ts';
import type { Db } from '../../deps.ts';
import { AppError, type FieldError, type FieldErrorCode } from '../../errors.ts';
import { readAttributes } from '../attributes.ts';
import type { Import, ImportPreview } from '../schemas.ts';
import type { Target } from './columns.ts';
import { type Detected, detect, invalid, SAMPLE_BYTES, type Wish } from './detect.ts';
import { ENCODINGS, parseEncoding } from './encoding.ts';
import { importsDir, uploadPath } from './files.ts';
import { viewImport } from './store.ts';
import type { Form, Upload } from './upload.ts';

export const PREVIEW_FIELDS = ['encoding', 'delimiter', 'hasHeader'] as const;
export const IMPORT_FIELDS = ['listId', 'mapping', ...PREVIEW_FIELDS] as const;
const DELIMITERS: Record<string, string> = {
  ',': ',',
  '\t': '\t',
  ';': ';',
  comma: ',',
  tab: '\t',
  '\\t': '\t',
  semicolon: ';',
};
const PREVIEW_SAMPLES = 5;

/** What an import of this file would see. @throws AppError `import-invalid`, `value-invalid` */
export function previewImport(db: Db, { fields, upload }: Form): ImportPreview {
  const found = examine(db, fields, upload);
  return {
    encoding: found.encoding,
    delimiter: found.delimiter,
    hasHeader: found.hasHeader,
    columns: found.headers.map((header, i) => ({
      header,
      samples: found.samples.map((row) => (row[i] ?? '').slice(0, 200)).slice(0, PREVIEW_SAMPLES),
      suggestion: found.suggestions[i] ?? null,
    })),
  };
}

/**
 * Accepts the upload: when this returns, row and file are on disk and the worker can start, now or after a crash.
 * @throws AppError `import-invalid`, `value-invalid`; the upload is then still where it was
 */
export function acceptImport(
  db: Db,
  dataDir: string,
  { fields, upload }: Form,
  createdBy: string,
  now: number,
): Import {
  const listId = readListId(db, fields.get('listId'));
  const found = examine(db, fields, upload);
  const mapping = fields.has('mapping') ? readMapping(db, fields.get('mapping'), found) : found.suggestions;
  if (!mapping.includes('email')) throw noEmailColumn(found);
  const row = db.transaction(
    (tx) => {
      const inserted = tx
        .insert(imports)
        .values({
          listId,
          fileName: upload.fileName,
          state: 'queued',
          encoding: found.encoding,
          delimiter: found.delimiter,
          mapping,
          hasHeader: found.hasHeader,
          totalBytes: upload.bytes,
          createdBy,
          createdAt: now,
        })
        .returning()
        .get();
      // Before the commit: a row without its file must never be seen.
      renameSync(upload.path, uploadPath(dataDir, inserted.id));
      syncDir(importsDir(dataDir));
      return inserted;
    },
    { behavior: 'immediate' },
  );
  return viewImport(row);
}

/** Removes what `acceptImport` did not take over. */
export function dropUpload(upload: Upload): void {
  if (upload.path !== '') rmSync(upload.path, { force: true });
}

function syncDir(dir: string): void {
  const fd = openSync(dir, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function examine(db: Db, fields: Form['fields'], upload: Upload): Detected {
  const complete = upload.bytes < SAMPLE_BYTES;
  const wish = readWish(fields);
  // Plain ASCII as far as the sample goes, and not UTF-8 further on: the Japanese in it is CP932.
  if (
    wish.encoding === undefined &&
    !complete &&
    !upload.utf8 &&
    upload.sample.every((byte) => byte < 0x80)
  ) {
    wish.encoding = 'cp932';
  }
  return detect(upload.sample, complete, readAttributes(db), wish);
}

function readWish(fields: Form['fields']): Wish {
  const wish: Wish = {};
  const encoding = text(fields, 'encoding');
  if (encoding) {
    wish.encoding = parseEncoding(encoding);
    if (!wish.encoding)
      throw bad('encoding', 'unknown-encoding', `should be one of ${ENCODINGS.join(', ')}`, encoding);
  }
  const delimiter = fields.get('delimiter');
  if (delimiter !== undefined && delimiter !== '') {
    wish.delimiter = DELIMITERS[String(delimiter)];
    if (!wish.delimiter)
      throw bad('delimiter', 'unknown-delimiter', 'should be a comma, a tab or a semicolon', delimiter);
  }
  const hasHeader = text(fields, 'hasHeader');
  if (hasHeader) {
    if (hasHeader !== 'true' && hasHeader !== 'false')
      throw bad('hasHeader', 'not-a-boolean', 'should be true or false', hasHeader);
    wish.hasHeader = hasHeader === 'true';
  }
  return wish;
}

function text(fields: Form['fields'], name: string): string {
  const value = fields.get(name);
  return value === undefined ? '' : String(value).trim();
}

function bad(name: string, code: FieldErrorCode, message: string, value?: unknown): AppError {
  return new AppError('value-invalid', `${name} ${message}`, [{ pointer: `/${name}`, code, message, value }]);
}

function readListId(db: Db, value: unknown): number {
  if (value === undefined || value === '') {
    throw new AppError('invalid-request', 'listId: is missing', [
      { pointer: '/listId', code: 'required', message: 'is missing' },
    ]);
  }
  const id = /^\d{1,15}$/.test(String(value)) ? Number(value) : 0;
  if (!db.$client.prepare('SELECT 1 FROM lists WHERE id = ?').get(id))
    throw bad('listId', 'not-found', 'is not a list', value);
  return id;
}

/** One target for each column; columns beyond it are left out. */
function readMapping(db: Db, value: unknown, { headers }: Detected): Target[] {
  let given: unknown = value;
  if (typeof value === 'string') {
    try {
      given = JSON.parse(value);
    } catch {
      throw bad('mapping', 'not-json', 'should be a JSON array such as ["email","name",null]', value);
    }
  }
  if (!Array.isArray(given))
    throw bad('mapping', 'not-an-array', 'should be a JSON array such as ["email","name",null]', value);
  if (given.length > headers.length) {
    throw bad(
      'mapping',
      'too-long',
      `names ${given.length} columns, the file has ${headers.length}`,
      given.length,
    );
  }
  const known = new Set(['email', 'name', ...readAttributes(db).map((attribute) => attribute.key)]);
  const errors: FieldError[] = [];
  const mapping = headers.map((_header, i): Target => {
    const target: unknown = given[i] ?? null;
    if (target === null) return null;
    const pointer = `/mapping/${i}`;
    if (typeof target !== 'string' || !known.has(target)) {
      errors.push({
        pointer,
        code: 'unknown-target',
        message: `should be one of ${[...known].join(', ')}, or null`,
        value: target,
      });
    } else if (given.indexOf(target) < i) {
      errors.push({
        pointer,
        code: 'duplicate-target',
        message: `column ${given.indexOf(target) + 1} already is ${target}`,
        value: target,
      });
    }
    return String(target);
  });
  if (errors.length > 0)
    throw new AppError('import-invalid', errors.map((e) => `${e.pointer}: ${e.message}`).join('; '), errors);
  return mapping;
}

function noEmailColumn({ headers, hasHeader }: Detected): AppError {
  const columns = hasHeader ? headers.join(', ') : `${headers.length} without a heading`;
  return invalid('no-email-column', `No column holds email addresses. Columns found: ${columns}`, headers);
}
