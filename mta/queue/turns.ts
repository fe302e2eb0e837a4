import type { Bucket } from './bucket.ts';
import type { Job } from './jobs.ts';
import { Ring } from './ring.ts';

/** Jobs in turn, and in a job its buckets in turn: a job with 10,000 domains gets no more of a site than one with a single one. */
export class Turns {
  readonly #jobs = new Ring<Ring<Bucket>>();
  readonly #byJob = new Map<Job, Ring<Bucket>>();

  get empty(): boolean {
    return this.#jobs.size === 0;
  }

  has(bucket: Bucket): boolean {
    return this.#byJob.get(bucket.job)?.has(bucket) ?? false;
  }

  add(bucket: Bucket): void {
    let buckets = this.#byJob.get(bucket.job);
    if (!buckets) {
      buckets = new Ring();
      this.#byJob.set(bucket.job, buckets);
      this.#jobs.add(buckets);
    }
    buckets.add(bucket);
  }

  remove(bucket: Bucket): void {
    const buckets = this.#byJob.get(bucket.job);
    if (!buckets) return;
    buckets.remove(bucket);
    if (buckets.size > 0) return;
    this.#byJob.delete(bucket.job);
    this.#jobs.remove(buckets);
  }

  next(): Bucket | undefined {
    return this.#jobs.next()?.next();
  }

  *[Symbol.iterator](): Iterator<Bucket> {
    for (const buckets of this.#jobs) yield* buckets;
  }
}
