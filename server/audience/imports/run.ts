/**
 * Runs an import in the worker thread, in transactions of a thousand rows, and can go on after a restart exactly where
 * it stopped: progress is written in the transaction of the rows that it counts.
 *
 * People are written in the order of their addresses within a run of RUN rows, not in the file's order: then a batch
 * touches two hundred pages of the index on addresses instead of a thousand, which halves the time of 1 M rows. `rows`
 * counts through a run in that same order, so resuming means: read over the runs that are done, order the next one
 * again, and go on at the row.
 *
 * Between two batches as many rows of the next run are read. That costs nothing, and it is the gap in which the main
 * thread gets its turn to write.
 */
import { existsSync, rmSync } from 'node:fs';
import type { WorkerContext } from '../../worker.ts';
import { readAttributes } from '../attributes.ts';
import { BatchWriter } from './batch.ts';
import type { Encoding } from './encoding.ts';
import { rejectedPath, uploadPath } from './files.ts';
import { type Person, PersonReader, type Rejected } from './people.ts';
import { RejectedFile, type RejectedRow } from './rejected.ts';
import { RowSource, Run } from './runs.ts';
import { endImport, type ImportRow, requireImport, startImport, viewImport } from './store.ts';

/** Rows that are ordered together; two runs are in memory. An import cut off by an upgrade that changes it would count rows anew. */
const RUN = 40_000;
/** Rows of a transaction: about 7 ms, in which no other thread can write. */
const BATCH = 1000;
const PUBLISH_MS = 200;

/** Says what is wrong with the file, in words that the screen shows. */
class ImportFailure extends Error {}
/** Somebody ended the import meanwhile: its row is not ours any more. */
class Ended extends Error {}

/** Every row is counted once, however often it is stopped. An unexpected error ends it as `failed` and is thrown on. */
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
    const ended = requireImport(db, id);
    if (ended.state !== 'running') {
      rmSync(uploadPath(dataDir, id), { force: true });
      context.live({ type: 'import', data: viewImport(ended) });
    }
  }
}

type Counts = Pick<
  ImportRow,
  'rows' | 'readBytes' | 'created' | 'updated' | 'rejected' | 'keptUnsubscribed' | 'rejectedBytes'
>;

class ImportRun {
  readonly #context: WorkerContext;
  readonly #row: ImportRow;
  readonly #counts: Counts;
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
    const { id, encoding, delimiter, hasHeader, totalBytes } = this.#row;
    const path = uploadPath(this.#context.dataDir, id);
    if (!existsSync(path)) {
      throw new ImportFailure(
        'file-missing: アップロードされたファイルが見つかりません (The uploaded file is not there any more)',
      );
    }
    const source = new RowSource(path, { encoding: encoding as Encoding, delimiter });
    try {
      const headers = hasHeader ? ((await source.take())?.fields ?? []) : [];
      const people = this.#prepare(headers);
      await source.skip(Math.floor(this.#counts.rows / RUN) * RUN);
      let run = new Run(source.bytes);
      await source.fill(run, RUN, people);
      while (run.size > 0) {
        const next = new Run(source.bytes);
        const read = () => source.fill(next, Math.min(next.size + BATCH, RUN), people);
        if (!(await this.#writeRun(run, read))) return false;
        await source.fill(next, RUN, people);
        run = next;
      }
    } finally {
      await source.close();
    }
    if (source.bytes === totalBytes) return true;
    throw new ImportFailure(
      `file-truncated: ファイルが途中で切れています (The file has ${source.bytes} of ${totalBytes} bytes)`,
    );
  }

  #prepare(headers: readonly string[]): PersonReader {
    const { db, spool, dataDir } = this.#context;
    const { id, listId, mapping } = this.#row;
    this.#writer = new BatchWriter(db, spool, listId, `import:${id}`);
    this.#rejectedFile = new RejectedFile(rejectedPath(dataDir, id), this.#counts.rejectedBytes, headers);
    return new PersonReader(mapping, readAttributes(db), headers);
  }

  /** One run, from where it stands; `between` works between two transactions. False when the signal was aborted. */
  async #writeRun(run: Run, between: () => Promise<void>): Promise<boolean> {
    run.order();
    const { rejected, people, size } = run;
    for (let at = this.#counts.rows % RUN; at < size; ) {
      if (this.#context.signal.aborted) return false;
      const from = at - rejected.length;
      at +=
        from < 0
          ? this.#write(run, rejected.slice(at, at + BATCH), [])
          : this.#write(run, [], people.slice(from, from + BATCH));
      this.#publish();
      await this.#context.breathe();
      await between();
    }
    return true;
  }

  /** One transaction. Answers the number of rows. */
  #write(run: Run, rejected: readonly Rejected[], people: readonly Person[]): number {
    const client = this.#context.db.$client;
    const counts = this.#counts;
    const size = rejected.length + people.length;
    const next: Counts = { ...counts, rows: counts.rows + size, rejected: counts.rejected + rejected.length };
    const share = (((next.rows - 1) % RUN) + 1) / run.size;
    next.readBytes = Math.round(run.fromByte + (run.toByte - run.fromByte) * share);
    const transaction = client.transaction(() => {
      const written = this.#writer!.write(people, Date.now());
      next.created += written.created;
      next.updated += written.updated;
      next.keptUnsubscribed += written.kept.length;
      this.#rejectedFile!.append([
        ...rejected.map(asRejected),
        ...written.kept.map((person) => this.#note(person)),
      ]);
      next.rejectedBytes = this.#rejectedFile!.bytes;
      const { changes } = client.prepare(PROGRESS).run({ ...next, id: this.#row.id });
      if (changes === 0) throw new Ended();
    });
    // No fsync for each batch: rows and progress are lost together or not at all, and the commit that ends the import syncs.
    client.pragma('synchronous = NORMAL');
    try {
      transaction.immediate();
    } finally {
      client.pragma('synchronous = FULL');
    }
    Object.assign(counts, next);
    return size;
  }

  /** Address and name tell who it is; the line is in the file. */
  #note({ line, email, name }: Person): RejectedRow {
    const fields = this.#row.mapping.map((target) =>
      target === 'email' ? email : target === 'name' ? name : '',
    );
    return { line, fields, kind: 'note', reason: { code: 'kept-unsubscribed', field: '', value: '' } };
  }

  #publish(): void {
    const now = Date.now();
    if (now - this.#publishedAt < PUBLISH_MS) return;
    this.#publishedAt = now;
    this.#context.live({ type: 'import', data: viewImport({ ...this.#row, ...this.#counts }) });
  }
}

const PROGRESS = `UPDATE imports SET rows = @rows, read_bytes = @readBytes, created = @created, updated = @updated,
  rejected = @rejected, kept_unsubscribed = @keptUnsubscribed, rejected_bytes = @rejectedBytes
  WHERE id = @id AND state = 'running'`;

const asRejected = (row: Rejected): RejectedRow => ({ ...row, kind: 'rejected' });
