/** The file of rows that were not taken: `dataDir/imports/ID.rejected.csv`, UTF-8 with BOM, opens in Excel as it is. */
import { closeSync, constants, fdatasyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { explain, type Reason } from './reasons.ts';

export interface RejectedRow {
  line: number;
  /** `note`: the row was taken */
  kind: 'rejected' | 'note';
  reason: Reason;
  fields: readonly string[];
}

const KINDS = { rejected: '取り込まず', note: '取り込み済み' } as const;

/** A cell that a spreadsheet would run as a formula gets an apostrophe, as OWASP advises (CSV injection). */
export function neutralise(cell: string): string {
  return /^[=+\-@\t\r\n＝＋－＠]/.test(cell) ? `'${cell}` : cell;
}

function csvLine(cells: readonly (string | number)[]): string {
  const written = cells.map((cell) => {
    const text = neutralise(String(cell));
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${written.join(',')}\r\n`;
}

export class RejectedFile {
  readonly #fd: number;
  readonly #headers: readonly string[];
  /** length that will stand in the database */
  bytes: number;

  /** `committed`: the length that the database knows; what a crash left beyond it is cut off. */
  constructor(path: string, committed: number, headers: readonly string[]) {
    this.#fd = openSync(path, constants.O_CREAT | constants.O_WRONLY, 0o600);
    this.#headers = headers;
    this.bytes = committed;
    ftruncateSync(this.#fd, committed);
  }

  /** On disk when it returns: the commit that follows relies on it. */
  append(rows: readonly RejectedRow[]): void {
    if (rows.length === 0) return;
    const head =
      this.bytes === 0
        ? `\ufeff${csvLine(['行 / Line', '結果 / Result', 'Code', '理由', 'Reason', ...this.#headers])}`
        : '';
    const lines = rows.map((row) => {
      const { ja, en } = explain(row.reason);
      return csvLine([row.line, `${KINDS[row.kind]} / ${row.kind}`, row.reason.code, ja, en, ...row.fields]);
    });
    const bytes = Buffer.from(head + lines.join(''));
    for (let done = 0; done < bytes.length; )
      done += writeSync(this.#fd, bytes, done, bytes.length - done, this.bytes + done);
    fdatasyncSync(this.#fd);
    this.bytes += bytes.length;
  }

  close(): void {
    closeSync(this.#fd);
  }
}
