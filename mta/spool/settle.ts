import type { Database, Statement } from 'better-sqlite3';
import type { LedgerRow } from '../types.ts';
import { ledgerWriter } from './ledger.ts';

/** What became of one queue row; `retryAt` (epoch ms) only with a deferral. */
export interface Settlement {
  bucketId: number;
  /** tried before this attempt */
  attempts: number;
  row: Omit<LedgerRow, 'id'>;
  retryAt: number;
}

interface JobDelta {
  settled: number;
  delivered: number;
  bounced: number;
  suppressed: number;
}

/** Writes a group of outcomes in one transaction: ledger rows, the queue's rows, the counters of jobs and buckets. */
export class SettleWriter {
  readonly #write: (row: Omit<LedgerRow, 'id'>) => number;
  readonly #remove: Statement;
  readonly #defer: Statement;
  readonly #bucket: Statement;
  readonly #job: Statement;
  readonly #transaction: (batch: readonly Settlement[]) => number;

  constructor(db: Database) {
    this.#write = ledgerWriter(db);
    this.#remove = db.prepare('DELETE FROM queue WHERE id = ?');
    this.#defer = db.prepare('UPDATE queue SET next_at = ?, attempts = attempts + 1 WHERE id = ?');
    this.#bucket = db.prepare('UPDATE bucket SET queued = queued + ?, deferred = deferred + ? WHERE id = ?');
    this.#job = db.prepare(
      'UPDATE job SET settled = settled + ?, delivered = delivered + ?, bounced = bounced + ?, suppressed = suppressed + ? WHERE id = ?',
    );
    const transaction = db.transaction((batch: readonly Settlement[]) => this.#apply(batch));
    this.#transaction = (batch) => transaction.immediate(batch);
  }

  /** Durable when it returns; answers the last ledger id. Throws what SQLite throws (full disk): nothing is written then. */
  write(batch: readonly Settlement[]): number {
    return this.#transaction(batch);
  }

  #apply(batch: readonly Settlement[]): number {
    const jobs = new Map<number, JobDelta>();
    const buckets = new Map<number, { queued: number; deferred: number }>();
    let last = 0;
    for (const { bucketId, attempts, row, retryAt } of batch) {
      const deferred = row.kind === 'deferred';
      const changes = deferred
        ? this.#defer.run(retryAt, row.deliveryId).changes
        : this.#remove.run(row.deliveryId).changes;
      if (changes === 0) {
        // The person was erased while the mail was in flight: it was settled then, and no address may be written again.
        if (row.kind !== 'suppressed') last = this.#write({ ...row, recipient: '', reply: '' });
        continue;
      }
      last = this.#write(row);
      let bucket = buckets.get(bucketId);
      if (!bucket) {
        bucket = { queued: 0, deferred: 0 };
        buckets.set(bucketId, bucket);
      }
      if (deferred) {
        if (attempts === 0) bucket.deferred += 1;
        continue;
      }
      bucket.queued -= 1;
      if (attempts > 0) bucket.deferred -= 1;
      let job = jobs.get(row.jobId);
      if (!job) {
        job = { settled: 0, delivered: 0, bounced: 0, suppressed: 0 };
        jobs.set(row.jobId, job);
      }
      job.settled += 1;
      if (row.kind === 'delivered') job.delivered += 1;
      else if (row.kind === 'bounced') job.bounced += 1;
      else job.suppressed += 1;
    }
    for (const [id, bucket] of buckets) this.#bucket.run(bucket.queued, bucket.deferred, id);
    for (const [id, job] of jobs) this.#job.run(job.settled, job.delivered, job.bounced, job.suppressed, id);
    return last;
  }
}

export interface GroupCommitOptions {
  /** ms a settlement waits at most for others to share the fsync */
  delay: number;
  /** that many are written at once without waiting */
  size: number;
  onCommitted(batch: readonly Settlement[], lastLedgerId: number): void;
  onError(error: unknown): void;
}

/** ms between tries while the disk does not take writes */
const WRITE_RETRY = 1000;

/** Collects settlements into group commits. A batch that cannot be written (full disk) is kept and tried again. */
export class GroupCommit {
  readonly #writer: SettleWriter;
  readonly #options: GroupCommitOptions;
  #pending: Settlement[] = [];
  #timer: NodeJS.Timeout | undefined;
  #failing = false;

  constructor(writer: SettleWriter, options: GroupCommitOptions) {
    this.#writer = writer;
    this.#options = options;
  }

  add(settlement: Settlement): void {
    this.#pending.push(settlement);
    if (this.#failing) return;
    if (this.#pending.length >= this.#options.size) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), this.#options.delay);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending.length === 0) return;
    const batch = this.#pending;
    this.#pending = [];
    let last: number;
    try {
      last = this.#writer.write(batch);
    } catch (error) {
      this.#pending = batch.concat(this.#pending);
      this.#failing = true;
      this.#timer = setTimeout(() => this.flush(), WRITE_RETRY);
      this.#options.onError(error);
      return;
    }
    this.#failing = false;
    this.#options.onCommitted(batch, last);
  }

  /** Settlements that are not on disk yet. */
  get pending(): number {
    return this.#pending.length;
  }

  /** Writes fail at present: nothing more should be sent, as its outcome could not be kept. */
  get failing(): boolean {
    return this.#failing;
  }
}
