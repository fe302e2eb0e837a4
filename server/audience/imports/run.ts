/**
 * Runs an import in the worker thread, in transactions of a thousand rows, and can go on after a restart exactly where
 * it stopped: progress is written in the transaction of the rows that it counts.
 *
 * People are written in the order of their addresses within a run of RUN rows, not in the file's order: then a batch
 * touches a hundred pages of the index on addresses instead of a thousand. With 1 M rows that is 1 GB less written to
 * the WAL, and half the time. `rows` counts through a run in that same order, so resuming means: read the file again
 * up to the run (nothing is converted on the way), order the run again, go on at the row.
 */
import { rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { WorkerContext } from '../../worker.ts';
import { readAttributes } from '../attributes.ts';
import { BatchWriter } from './batch.ts';
import { CsvReader, type CsvRow } from './csv.ts';
import { Decoder, type Encoding } from './encoding.ts';
import { rejectedPath, uploadPath } from './files.ts';
import { type Person, PersonReader, type Rejected } from './people.ts';
import { RejectedFile, type RejectedRow } from './rejected.ts';
import { endImport, type ImportRow, requireImport, startImport, viewImport } from './store.ts';

/** Rows held in memory and ordered: about 30 MB. Changing it makes a half-done import of an older version count anew. */
const RUN = 50_000;
/** Rows of a transaction: 7 ms, in which no other thread can write. */
const BATCH = 1000;
const READ_BYTES = 128 * 1024;
const PUBLISH_MS = 200;

/** Says what is wrong with the file, in words that the screen shows. */
class ImportFailure extends Error {}
/** Somebody ended the import: its row is not ours any more. */
class Ended extends Error {}

/** Never leaves an import half counted; unexpected errors end it as `failed` and are thrown on. */
export async function runImport(context: WorkerContext, id: number): Promise<void> {
  const { db, dataDir } = context;
  const row = startImport(db, id, Date.now());
  if (!row) return;
  const run = new ImportRun(context, row);
  try {
    if (await run.work()) endImport(db, id, 'done', Date.now());
    else if (context.signal.reason === 'stop') return;
    else endImport(db, id, 'cancelled', Date.now());
  } catch (error) {
    if (!(error instanceof Ended)) {
      const known = error instanceof ImportFailure;
      const reason = known
        ? error.message
        : `internal: 取り込み中に問題が起きました (Something went wrong while importing: ${(error as Error).message})`;
      endImport(db, id, 'failed', Date.now(), reason);
      if (!known) throw error;
    }
  } finally {
    run.close();
  }
  rmSync(uploadPath(dataDir, id), { force: true });
  context.live({ type: 'import', data: viewImport(requireImport(db, id)) });
}

type Counts = Pick<
  ImportRow,
  'rows' | 'readBytes' | 'created' | 'updated' | 'rejected' | 'keptUnsubscribed' | 'rejectedBytes'
>;

class ImportRun {
  readonly #context: WorkerContext;
  readonly #row: ImportRow;
  readonly #counts: Counts;
  #people: PersonReader | undefined;
  #writer: BatchWriter | undefined;
  #rejectedFile: RejectedFile | undefined;
  #publishedAt = 0;

  constructor(context: WorkerContext, row: ImportRow) {
    this.#context = context;
    this.#row = row;
    const { rows, readBytes, created, updated, rejected, keptUnsubscribed, rejectedBytes } = row;
    this.#counts = { rows, readBytes, created, updated, rejected, keptUnsubscribed, rejectedBytes };
  }

  close(): void {
    this.#rejectedFile?.close();
  }

  /** True when the file is done, false when the signal was aborted. */
  async work(): Promise<boolean> {
    const file = await open(uploadPath(this.#context.dataDir, this.#row.id)).catch(() => {
      throw new ImportFailure(
        'file-missing: アップロードされたファイルが見つかりません (The uploaded file is not there any more)',
      );
    });
    try {
      return await this.#read(file);
    } finally {
      await file.close();
    }
  }

  async #read(file: FileHandle): Promise<boolean> {
    const decoder = new Decoder(this.#row.encoding as Encoding);
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    let reader: CsvReader | undefined;
    let bytes = 0;
    // Whole runs that an earlier start finished are read over.
    let skip = Math.floor(this.#counts.rows / RUN) * RUN;
    let run: CsvRow[] = [];
    let runFrom = 0;
    for (;;) {
      if (this.#context.signal.aborted) return false;
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES);
      bytes += bytesRead;
      const text = bytesRead > 0 ? decoder.push(buffer.subarray(0, bytesRead)) : decoder.end();
      reader ??= new CsvReader({
        delimiter: this.#row.delimiter,
        newline: !text.includes('\n') && text.includes('\r') ? '\r' : '\n',
      });
      let rows = reader.push(text);
      if (bytesRead === 0) rows = rows.concat(reader.end());
      if (!this.#people && rows.length > 0) {
        this.#prepare(this.#row.hasHeader ? rows[0]!.fields : []);
        if (this.#row.hasHeader) rows = rows.slice(1);
      }
      if (skip > 0) {
        const over = Math.min(skip, rows.length);
        skip -= over;
        rows = rows.slice(over);
        runFrom = bytes;
      }
      run = run.length === 0 ? rows : run.concat(rows);
      while (run.length >= RUN || (bytesRead === 0 && run.length > 0)) {
        if (!(await this.#writeRun(run.slice(0, RUN), runFrom, bytes))) return false;
        run = run.slice(RUN);
        runFrom = bytes;
      }
      if (bytesRead === 0) {
        if (bytes !== this.#row.totalBytes) {
          throw new ImportFailure(
            `file-truncated: ファイルが途中で切れています (The file has ${bytes} of ${this.#row.totalBytes} bytes)`,
          );
        }
        return true;
      }
    }
  }

  #prepare(headers: readonly string[]): void {
    const { db, spool, dataDir } = this.#context;
    const { id, listId, mapping } = this.#row;
    this.#people = new PersonReader(mapping, readAttributes(db), headers);
    this.#writer = new BatchWriter(db, spool, listId, `import:${id}`, this.#people.attributes);
    this.#rejectedFile = new RejectedFile(rejectedPath(dataDir, id), this.#counts.rejectedBytes, headers);
  }

  /** One run, from where it stands; false when the signal was aborted. */
  async #writeRun(rows: readonly CsvRow[], fromByte: number, toByte: number): Promise<boolean> {
    const rejected: Rejected[] = [];
    const people: Person[] = [];
    for (const row of rows) {
      const read = this.#people!.read(row);
      if ('reason' in read) rejected.push(read);
      else people.push(read);
    }
    // Stable, so that of two rows with one address the later in the file wins.
    people.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    const from = this.#counts.rows;
    const first = from % RUN;
    for (let at = first; at < rows.length; ) {
      if (this.#context.signal.aborted) return false;
      const size =
        at < rejected.length
          ? this.#write(rejected.slice(at, at + BATCH), [], rows.length, fromByte, toByte)
          : this.#write(
              [],
              people.slice(at - rejected.length, at - rejected.length + BATCH),
              rows.length,
              fromByte,
              toByte,
            );
      at += size;
      this.#publish();
      await this.#context.breathe();
    }
    return true;
  }

  /** One transaction. Answers the number of rows. */
  #write(
    rejected: readonly Rejected[],
    people: readonly Person[],
    ofRun: number,
    fromByte: number,
    toByte: number,
  ): number {
    const client = this.#context.db.$client;
    const counts = this.#counts;
    const size = rejected.length + people.length;
    const next: Counts = { ...counts, rows: counts.rows + size, rejected: counts.rejected + rejected.length };
    const done = ((next.rows - 1) % RUN) + 1;
    next.readBytes = Math.round(fromByte + ((toByte - fromByte) * done) / ofRun);
    client
      .transaction(() => {
        const written = this.#writer!.write(people, Date.now());
        next.created += written.created;
        next.updated += written.updated;
        next.keptUnsubscribed += written.kept.length;
        this.#rejectedFile!.append([
          ...rejected.map((row): RejectedRow => ({ ...row, kind: 'rejected' })),
          ...written.kept.map(
            ({ line, fields }): RejectedRow => ({
              line,
              fields,
              kind: 'note',
              reason: { code: 'kept-unsubscribed', field: '', value: '' },
            }),
          ),
        ]);
        next.rejectedBytes = this.#rejectedFile!.bytes;
        const { changes } = client
          .prepare(
            `UPDATE imports SET rows = @rows, read_bytes = @readBytes, created = @created, updated = @updated, rejected = @rejected,
               kept_unsubscribed = @keptUnsubscribed, rejected_bytes = @rejectedBytes WHERE id = @id AND state = 'running'`,
          )
          .run({ ...next, id: this.#row.id });
        if (changes === 0) throw new Ended();
      })
      .immediate();
    Object.assign(counts, next);
    return size;
  }

  #publish(): void {
    const now = Date.now();
    if (now - this.#publishedAt < PUBLISH_MS) return;
    this.#publishedAt = now;
    this.#context.live({ type: 'import', data: viewImport({ ...this.#row, ...this.#counts }) });
  }
}
