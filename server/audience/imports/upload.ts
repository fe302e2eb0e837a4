/** Takes the multipart form of an import: the file goes to disk as it comes, in any order with the fields. */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { AppError } from '../../errors.ts';
import { SAMPLE_BYTES } from './detect.ts';
import { Utf8Watch } from './encoding.ts';
import { importsDir } from './files.ts';

export interface Upload {
  fileName: string;
  /** where it lies, on disk and synced; '' for a preview */
  path: string;
  bytes: number;
  /** the first SAMPLE_BYTES */
  sample: Buffer;
  /** all of it is valid UTF-8 */
  utf8: boolean;
}

export interface Form {
  fields: Map<string, unknown>;
  upload: Upload;
}

/**
 * Reads the whole form.
 * @param dataDir where to keep the file; undefined keeps only its sample
 * @throws AppError `unsupported-media-type`, `invalid-request` without a file or with unknown fields, `body-too-large`
 */
export async function readForm(
  request: FastifyRequest,
  known: readonly string[],
  dataDir: string | undefined,
): Promise<Form> {
  if (!request.isMultipart()) {
    throw new AppError('unsupported-media-type', 'Send the file as multipart/form-data');
  }
  const fields = new Map<string, unknown>();
  let upload: Upload | undefined;
  try {
    for await (const part of request.parts()) {
      if (part.type === 'field') fields.set(part.fieldname, part.value);
      else if (part.fieldname !== 'file' || upload) part.file.resume();
      else {
        upload = await save(part.file, cleanFileName(part.filename), dataDir);
        if (part.file.truncated)
          throw new AppError('body-too-large', 'The file is too large; split it and import the parts');
      }
    }
    for (const name of fields.keys()) {
      if (!known.includes(name)) {
        const message = `is not known here; known: file, ${known.join(', ')}`;
        throw new AppError('invalid-request', `${name}: ${message}`, [
          { pointer: `/${name}`, code: 'unknown-property', message },
        ]);
      }
    }
    if (!upload) {
      throw new AppError('invalid-request', 'file: is missing', [
        { pointer: '/file', code: 'required', message: 'is missing' },
      ]);
    }
    return { fields, upload };
  } catch (error) {
    if (upload?.path) rmSync(upload.path, { force: true });
    throw error;
  }
}

async function save(stream: Readable, fileName: string, dataDir: string | undefined): Promise<Upload> {
  const path =
    dataDir === undefined ? '' : join(importsDir(dataDir), `${randomBytes(9).toString('base64url')}.upload`);
  const file = path === '' ? undefined : await open(path, 'wx', 0o600);
  const sample: Buffer[] = [];
  const watch = new Utf8Watch();
  let bytes = 0;
  let sampled = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      watch.push(chunk);
      if (sampled < SAMPLE_BYTES) {
        // A copy: the chunk belongs to a pool that is used again.
        const piece = Buffer.from(chunk.subarray(0, SAMPLE_BYTES - sampled));
        sample.push(piece);
        sampled += piece.length;
      }
      await file?.writeFile(chunk);
    }
    await file?.sync();
  } catch (error) {
    if (path !== '') rmSync(path, { force: true });
    throw error;
  } finally {
    await file?.close();
  }
  return { fileName, path, bytes, sample: Buffer.concat(sample), utf8: watch.end() };
}

/** Only for display; the file's own name on disk is the import's id. */
function cleanFileName(name: string | undefined): string {
  const own = basename((name ?? '').replaceAll('\\', '/'));
  const clean = own.replace(/\p{Cc}/gu, '').slice(0, 255);
  return clean === '' ? 'import.csv' : clean;
}
