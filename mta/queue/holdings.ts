import type { BucketRow, Claims, QueueRow } from '../spool/claim.ts';
import type { Settlement } from '../spool/settle.ts';
import { Bucket } from './bucket.ts';
import { Jobs } from './jobs.ts';
import { Rounds } from './rounds.ts';

/** Rows that all buckets together hold read: enough to make reads cheap, few enough that 100,000 domains stay small. */
const READ_AHEAD = 20_000;
const BATCH = 100;

/** What is queued, as far as it is in memory: every bucket that holds mail, and some of its rows. */
export class Holdings {
  readonly buckets = new Map<number, Bucket>();
  /** queue ids that are read and not yet settled on disk */
  readonly claimed = new Set<number>();
  readonly jobs: Jobs;
  readonly #claims: Claims;
  /** mail of a cancelled job lies in the bucket and nobody comes for it */
  readonly #onCancelled: (bucket: Bucket) => void;
  readonly #onEmpty: (bucket: Bucket) => void;
  readonly #rounds = new Rounds(this.buckets);

  constructor(claims: Claims, on: { cancelled(bucket: Bucket): void; empty(bucket: Bucket): void }) {
    this.#claims = claims;
    this.jobs = new Jobs(claims);
    this.#onCancelled = on.cancelled;
    this.#onEmpty = on.empty;
  }

  /** A bucket that has got mail; undefined: its job is gone. */
  learn(row: BucketRow): Bucket | undefined {
    let bucket = this.buckets.get(row.id);
    if (!bucket) {
      const job = this.jobs.join(row.jobId);
      if (!job) return undefined;
      bucket = new Bucket(row, job);
      this.buckets.set(row.id, bucket);
    } else if (row.nextAt !== null) {
      bucket.nextAt = Math.min(bucket.nextAt ?? row.nextAt, row.nextAt);
    }
    return bucket;
  }

  /** The next row that is due, claimed. */
  take(bucket: Bucket, now: number): QueueRow | undefined {
    const share = Math.floor(READ_AHEAD / this.buckets.size);
    return bucket.take(this.#claims, this.claimed, now, Math.max(1, Math.min(BATCH, share)));
  }

  /** Rows whenever they are due, claimed; none newer than `through`. */
  takeAny(bucket: Bucket, limit: number, through = Number.MAX_SAFE_INTEGER): QueueRow[] {
    return bucket.takeAny(this.#claims, this.claimed, limit, through);
  }

  /** Taken and not yet settled on disk. */
  isOnItsWay(bucket: Bucket, rowId: number): boolean {
    return this.claimed.has(rowId) && !bucket.isReady(rowId);
  }

  /** Queue ids of the bucket's mails that are on their way, none newer than `through`; to be asked when no others of that age are left. */
  onTheirWay(bucket: Bucket, through: number): number[] {
    if (bucket.inFlight === 0) return [];
    const ids = this.#claims.claimedThrough(bucket.id, this.claimed, bucket.claimed, through);
    return ids.filter((id) => !bucket.isReady(id));
  }

  /** Mails taken and not yet settled on disk. */
  get inFlight(): number {
    let sum = 0;
    for (const bucket of this.buckets.values()) sum += bucket.inFlight;
    return sum;
  }

  release(bucket: Bucket): void {
    bucket.release(this.claimed);
  }

  /** Nothing of the bucket is due at `now`: remember when something is, or forget the bucket when it is empty. */
  rest(bucket: Bucket, now: number): void {
    if (bucket.claimed > 0) {
      // What is due is claimed; what comes later must not wait for it, as one reply may take ten minutes.
      bucket.nextAt = this.#claims.nextAt(bucket.id, now);
      return;
    }
    bucket.nextAt = this.#claims.nextAt(bucket.id, 0);
    if (bucket.nextAt !== null) {
      // Deferred after its job was cancelled: it does not wait for its time.
      if (bucket.job.state === 'cancelled') this.#onCancelled(bucket);
      return;
    }
    // A group commit in the middle of a slice may have said goodbye to it already.
    if (!this.buckets.delete(bucket.id)) return;
    this.#onEmpty(bucket);
    this.jobs.leave(bucket.job);
  }

  /** Outcomes are on disk. */
  committed(batch: readonly Settlement[]): void {
    let now = 0;
    for (const { bucketId, row, retryAt } of batch) {
      this.claimed.delete(row.deliveryId);
      const bucket = this.buckets.get(bucketId);
      if (!bucket) continue;
      bucket.committed(row.kind === 'deferred' ? retryAt : null);
      if (bucket.claimed > 0 || bucket.waiting) continue;
      now ||= Date.now();
      this.rest(bucket, now);
    }
  }

  /** Buckets that have come due and stand in no line, among the next `count`. */
  *due(now: number, count: number): Generator<Bucket> {
    for (const bucket of this.#rounds.next(count))
      if (bucket.nextAt !== null && bucket.nextAt <= now && !bucket.waiting) yield bucket;
  }
}
