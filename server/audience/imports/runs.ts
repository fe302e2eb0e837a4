import type { CsvRow } from './csv.ts';
import type { Person, PersonReader, Rejected } from './people.ts';
import { readRecords } from './source.ts';

/** Some rows that are written together: first what is rejected, in the file's order, then people in the order of their addresses. */
export class Run {
  readonly rejected: Rejected[] = [];
  readonly people: Person[] = [];
  /** where in the file it begins and ends, to the piece that was read */
  readonly fromByte: number;
  toByte: number;

  constructor(fromByte: number) {
    this.fromByte = fromByte;
    this.toByte = fromByte;
  }

  get size(): number {
    return this.rejected.length + this.people.length;
  }

  /** Stable, so that of two rows with one address the later in the file wins. */
  order(): void {
    this.people.sort((a, b) => a.rank - b.rank);
  }
}

/** Reads a file row by row, as far as it is asked to; only the piece at hand is in memory. */
export class RowSource {
  readonly #pieces: ReturnType<typeof readRecords>;
  #rows: CsvRow[] = [];
  #at = 0;
  /** read so far */
  bytes = 0;

  constructor(...file: Parameters<typeof readRecords>) {
    this.#pieces = readRecords(...file);
  }

  /** The next row, undefined at the end. */
  async take(): Promise<CsvRow | undefined> {
    return (await this.#ready()) ? this.#rows[this.#at++] : undefined;
  }

  async skip(rows: number): Promise<void> {
    for (let left = rows; left > 0 && (await this.#ready()); ) {
      const over = Math.min(left, this.#rows.length - this.#at);
      this.#at += over;
      left -= over;
    }
  }

  /** Adds rows until the run has `size` or the file ends. */
  async fill(run: Run, size: number, people: PersonReader): Promise<void> {
    while (run.size < size && (await this.#ready())) {
      while (run.size < size && this.#at < this.#rows.length) {
        const read = people.read(this.#rows[this.#at++]!);
        if ('reason' in read) run.rejected.push(read);
        else run.people.push(read);
      }
    }
    run.toByte = this.bytes;
  }

  async close(): Promise<void> {
    await this.#pieces.return(undefined);
  }

  async #ready(): Promise<boolean> {
    while (this.#at >= this.#rows.length) {
      const { value, done } = await this.#pieces.next();
      if (done) return false;
      this.#rows = value.rows;
      this.#at = 0;
      this.bytes = value.bytes;
    }
    return true;
  }
}
