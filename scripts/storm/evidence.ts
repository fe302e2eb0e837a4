/** What the spool knows, read without touching the files of the appliance. */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';

export interface LedgerLine {
  recipient: string;
  kind: string;
  attempt: number;
  /** the whole message was sent, and nobody knows whether it was taken */
  unanswered: boolean;
}

export interface SpoolRecord {
  ledger: LedgerLine[];
  /** rows that wait */
  queue: number;
  buckets: { queued: number; deferred: number };
  job: {
    enqueued: number;
    sealed: number;
    settled: number;
    delivered: number;
    bounced: number;
    suppressed: number;
  };
}

/**
 * The spool as a power cut would have left it, of the campaign's job alone. From a copy: opening the files themselves would do
 * the recovery that the next start has to do. Nothing may write meanwhile.
 */
export function readSpool(dataDir: string, jobId: number): SpoolRecord {
  const folder = mkdtempSync(join(dataDir, '..', 'copy-'));
  try {
    for (const name of ['spool.db', 'spool.db-wal'])
      if (existsSync(join(dataDir, name))) copyFileSync(join(dataDir, name), join(folder, name));
    const db = new Database(join(folder, 'spool.db'));
    const lines = db
      .prepare(
        `SELECT recipient, kind, attempt, kind = 'deferred' AND phase = 'dot' AND code = 0 AS unanswered
         FROM ledger WHERE job_id = ? ORDER BY id`,
      )
      .all(jobId) as (Omit<LedgerLine, 'unanswered'> & { unanswered: number })[];
    const record: SpoolRecord = {
      ledger: lines.map((line) => ({ ...line, unanswered: line.unanswered === 1 })),
      queue: db
        .prepare('SELECT count(*) FROM queue JOIN bucket b ON b.id = bucket_id WHERE b.job_id = ?')
        .pluck()
        .get(jobId) as number,
      buckets: db
        .prepare(
          'SELECT coalesce(sum(queued), 0) AS queued, coalesce(sum(deferred), 0) AS deferred FROM bucket WHERE job_id = ?',
        )
        .get(jobId) as SpoolRecord['buckets'],
      job: db
        .prepare('SELECT enqueued, sealed, settled, delivered, bounced, suppressed FROM job WHERE id = ?')
        .get(jobId) as SpoolRecord['job'],
    };
    db.close();
    return record;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** How far the campaign is, asked of the running appliance's files. */
export class Progress {
  readonly #file: string;
  constructor(dataDir: string) {
    this.#file = join(dataDir, 'spool.db');
  }

  /** undefined: the campaign has no job yet */
  read(): { id: number; enqueued: number; sealed: number; settled: number } | undefined {
    const db = new Database(this.#file, { readonly: true, timeout: 10_000 });
    try {
      return db
        .prepare(
          `SELECT id, enqueued, sealed, settled FROM job WHERE class = 'bulk' ORDER BY id DESC LIMIT 1`,
        )
        .get() as ReturnType<Progress['read']>;
    } finally {
      db.close();
    }
  }
}
