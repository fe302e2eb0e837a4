import type { Database, Statement } from 'better-sqlite3';
import type { DeliveryClass, JobState, MergeValues } from '../types.ts';
import type { StopRow } from './stops.ts';

/** One mail to send, as it lies in the queue. */
export interface QueueRow {
  id: number;
  bucketId: number;
  attempts: number;
  createdAt: number;
  subscriberId: number;
  listId: number;
  address: string;
  /** JSON of `MergeValues`, parsed when it is rendered */
  merge: string;
  /** in memory only: connections that ended under it without costing it an attempt */
  losses?: number;
}

export interface BucketRow {
  id: number;
  jobId: number;
  domain: string;
  touched: number;
  /** epoch ms of the earliest attempt, null: empty */
  nextAt: number | null;
}

export interface JobRow {
  id: number;
  ref: string;
  class: DeliveryClass;
  state: JobState;
  poolId: number | null;
  /** the content's sender, as typed */
  fromAddress: string | null;
}

export const parseMerge = (json: string): MergeValues => JSON.parse(json) as MergeValues;

/** The MTA's reading side of the spool. Every method is one or a few index seeks. */
export class Claims {
  readonly #db: Database;
  readonly #buckets: Statement;
  readonly #bucketsOf: Statement;
  readonly #due: Statement;
  readonly #row: Statement;
  readonly #nextAt: Statement;
  readonly #job: Statement;
  readonly #jobs: Statement;
  readonly #content: Statement;
  readonly #stops: Statement;
  readonly #meta: Statement;
  readonly #all: Statement;
  readonly #read: (ids: Statement, from: number[], limit: number, claimed: ReadonlySet<number>) => QueueRow[];

  constructor(db: Database) {
    this.#db = db;
    this.#buckets = db.prepare(
      `SELECT id, job_id AS jobId, domain, touched, (SELECT min(next_at) FROM queue WHERE bucket_id = bucket.id) AS nextAt
       FROM bucket WHERE touched > ? AND queued > 0 ORDER BY touched`,
    );
    this.#bucketsOf = db.prepare('SELECT id FROM bucket WHERE domain = ? AND queued > 0').pluck();
    this.#due = db
      .prepare('SELECT id FROM queue WHERE bucket_id = ? AND next_at <= ? ORDER BY next_at, id LIMIT ?')
      .pluck();
    this.#all = db.prepare('SELECT id FROM queue WHERE bucket_id = ? AND id <= ? LIMIT ?').pluck();
    this.#row = db.prepare(
      `SELECT id, bucket_id AS bucketId, attempts, created_at AS createdAt, subscriber_id AS subscriberId, list_id AS listId,
       address, merge FROM queue WHERE id = ?`,
    );
    // One transaction: SQLite's locks for each statement would cost more than reading.
    this.#read = db.transaction(
      (ids: Statement, from: number[], limit: number, claimed: ReadonlySet<number>) =>
        (ids.all(...from) as number[])
          .filter((id) => !claimed.has(id))
          .slice(0, limit)
          .map((id) => this.#row.get(id) as QueueRow),
    );
    this.#nextAt = db.prepare('SELECT min(next_at) FROM queue WHERE bucket_id = ? AND next_at > ?').pluck();
    this.#job = db.prepare(
      `SELECT id, ref, class, state, pool_id AS poolId, json_extract(content, '$.from.address') AS fromAddress FROM job WHERE id = ?`,
    );
    this.#jobs = db.prepare('SELECT id, state, touched FROM job WHERE touched > ? ORDER BY touched');
    this.#content = db.prepare('SELECT content FROM job WHERE id = ?').pluck();
    this.#stops = db.prepare(
      'SELECT address_hash AS addressHash, list_id AS listId, seq, active, erased FROM stop WHERE seq > ? ORDER BY seq',
    );
    this.#meta = db.prepare('SELECT value FROM meta WHERE key = ?').pluck();
  }

  /** Changes when another connection has committed: a look that costs nothing. */
  version(): number {
    return this.#db.pragma('data_version', { simple: true }) as number;
  }

  bucketsSince(touched: number): BucketRow[] {
    return this.#buckets.all(touched) as BucketRow[];
  }

  /** ids of the buckets that hold the domain's mail */
  bucketsOf(domain: string): number[] {
    return this.#bucketsOf.all(domain) as number[];
  }

  /**
   * Up to `limit` rows that are due and not claimed. The claimed ones stand at the head of the index until they are
   * settled, so they are read over: their number is bounded by what is in flight.
   */
  due(
    bucketId: number,
    now: number,
    limit: number,
    claimed: ReadonlySet<number>,
    claimedHere: number,
  ): QueueRow[] {
    return this.#read(this.#due, [bucketId, now, limit + claimedHere], limit, claimed);
  }

  /** Up to `limit` rows of the bucket whenever they are due, none newer than the row `through` (for a cancel or an order). */
  any(
    bucketId: number,
    limit: number,
    claimed: ReadonlySet<number>,
    claimedHere: number,
    through: number,
  ): QueueRow[] {
    return this.#read(this.#all, [bucketId, through, limit + claimedHere], limit, claimed);
  }

  /** Of the bucket's claimed rows those that are not newer than `through`, once no others of that age are left. */
  claimedThrough(
    bucketId: number,
    claimed: ReadonlySet<number>,
    claimedHere: number,
    through: number,
  ): number[] {
    const ids = this.#all.all(bucketId, through, claimedHere) as number[];
    return ids.filter((id) => claimed.has(id));
  }

  /** The earliest attempt after this time (epoch ms), null: there is none. */
  nextAt(bucketId: number, after: number): number | null {
    return this.#nextAt.get(bucketId, after) as number | null;
  }

  job(id: number): JobRow | undefined {
    return this.#job.get(id) as JobRow | undefined;
  }

  /** Jobs whose state was set since: `touched` grows with each change. */
  jobsSince(touched: number): { id: number; state: JobState; touched: number }[] {
    return this.#jobs.all(touched) as { id: number; state: JobState; touched: number }[];
  }

  /** JSON of the job's `ContentSource` */
  content(jobId: number): string {
    return this.#content.get(jobId) as string;
  }

  stopsSince(seq: number): StopRow[] {
    return this.#stops.all(seq) as StopRow[];
  }

  /** JSON of `DeliverySettings`, null before the first were published. */
  settings(): string | null {
    return this.#meta.get('settings') as string | null;
  }

  /** epoch ms of the newest ledger row, 0: there is none */
  latestTime(): number {
    const at = this.#db.prepare('SELECT at FROM ledger ORDER BY id DESC LIMIT 1').pluck().get();
    return (at as number | undefined) ?? 0;
  }

  stopped(): boolean {
    return this.#meta.get('stopped') === 1;
  }
}
