import type { BucketRow } from '../spool/claim.ts';
import type { StopRow } from '../spool/stops.ts';
import type { Bucket } from './bucket.ts';
import type { Parts } from './parts.ts';
import type { SpoolNews } from './spool-watch.ts';

/** What is done about what others have written into the spool. */
export class News implements SpoolNews {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  settings(text: string): void {
    this.#parts.configuration.use(text);
  }

  stopped(stopped: boolean): void {
    const { gate, outlets } = this.#parts;
    if (stopped && !gate.stopped) outlets.stopAll();
    gate.stopped = stopped;
  }

  stop(stop: StopRow): void {
    this.#parts.settler.stops.apply(stop);
  }

  jobs(): void {
    const { holdings } = this.#parts;
    const changed = new Set(holdings.jobs.refresh());
    if (changed.size === 0) return;
    for (const bucket of holdings.buckets.values()) if (changed.has(bucket.job)) this.#jobChanged(bucket);
  }

  orders(): void {
    this.#parts.shaping.reload();
    this.#parts.orders.read();
  }

  bucket(row: BucketRow): void {
    const { holdings, cancelling, placer } = this.#parts;
    const bucket = holdings.learn(row);
    if (bucket?.job.state === 'cancelled') cancelling.add(bucket);
    else if (bucket?.nextAt != null && bucket.nextAt <= Date.now()) placer.activate(bucket);
  }

  #jobChanged(bucket: Bucket): void {
    const { holdings, cancelling, placer } = this.#parts;
    if (bucket.job.state === 'cancelled') cancelling.add(bucket);
    else if (bucket.job.state === 'active') placer.activate(bucket);
    else {
      bucket.group?.remove(bucket);
      holdings.release(bucket);
    }
  }
}
