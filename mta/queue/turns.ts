import type { Bucket } from './bucket.ts';
import type { Job } from './jobs.ts';
import { Ring } from './ring.ts';

/**
 * Jobs in turn, and in a job its buckets in turn: a job with 10,000 domains gets no more of a site than one with a single one. Most sites of a
 * long list have one bucket, which needs no rings.
 */
export class Turns {
  #only: Bucket | undefined;
  #rings: { jobs: Ring<Ring<Bucket>>; byJob: Map<Job, Ring<Bucket>> } | undefined;

  get empty(): boolean {
    return this.#only === undefined && (this.#rings === undefined || this.#rings.jobs.size === 0);
  }

  has(bucket: Bucket): boolean {
    return this.#only === bucket || (this.#rings?.byJob.get(bucket.job)?.has(bucket) ?? false);
  }

  add(bucket: Bucket): void {
    if (this.#only === bucket) return;
    if (this.empty) {
      this.#only = bucket;
      return;
    }
    if (this.#only) {
      const first = this.#only;
      this.#only = undefined;
      this.#addToRing(first);
    }
    this.#addToRing(bucket);
  }

  #addToRing(bucket: Bucket): void {
    this.#rings ??= { jobs: new Ring(), byJob: new Map() };
    let buckets = this.#rings.byJob.get(bucket.job);
    if (!buckets) {
      buckets = new Ring();
      this.#rings.byJob.set(bucket.job, buckets);
      this.#rings.jobs.add(buckets);
    }
    buckets.add(bucket);
  }

  remove(bucket: Bucket): void {
    if (this.#only === bucket) this.#only = undefined;
    const buckets = this.#rings?.byJob.get(bucket.job);
    if (!buckets) return;
    buckets.remove(bucket);
    if (buckets.size > 0) return;
    this.#rings!.byJob.delete(bucket.job);
    this.#rings!.jobs.remove(buckets);
  }

  next(): Bucket | undefined {
    return this.#only ?? this.#rings?.jobs.next()?.next();
  }

  *[Symbol.iterator](): Iterator<Bucket> {
    if (this.#only) yield this.#only;
    if (this.#rings) for (const buckets of this.#rings.jobs) yield* buckets;
  }
}
