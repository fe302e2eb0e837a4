import { setImmediate as turn } from 'node:timers/promises';
import type { BookedControl, OrderBook } from '../spool/order-book.ts';
import type { Bucket } from './bucket.ts';
import { concerns } from './controls.ts';
import type { Gate } from './gate.ts';
import type { Holdings } from './holdings.ts';
import type { Outlets } from './outlets.ts';
import type { Placer } from './placer.ts';
import { synthetic } from './settlement.ts';
import { type Settler, SLICE } from './settler.ts';
import type { Site } from './site.ts';

/** Domains that are looked up at a time for an order that speaks of a site or a provider. */
const LOOKUPS = 100;

export interface ErrandParts {
  gate: Gate;
  holdings: Holdings;
  settler: Settler;
  outlets: Outlets;
  placer: Placer;
  book: OrderBook;
  /** writes what is settled, so that an order is not called done before it is */
  flush(): void;
  onError(what: string, error: unknown): void;
}

/**
 * Orders that are done once, `bounce` and `retry`: in slices, over what was queued when they were given. One that a restart interrupts is begun
 * again and finds only what is left.
 */
export class Errands {
  readonly #parts: ErrandParts;
  #orders: readonly BookedControl[] = [];
  #running = false;

  constructor(parts: ErrandParts) {
    this.#parts = parts;
  }

  /** Those that are not done; one that is no longer among them was taken back. */
  set(orders: readonly BookedControl[]): void {
    this.#orders = orders;
    this.goOn();
  }

  /** Also called by the tick: what waited for the disk goes on. */
  goOn(): void {
    const { gate, onError } = this.#parts;
    if (this.#running || this.#orders.length === 0 || gate.diskFull || !gate.settings) return;
    this.#running = true;
    void this.#run(this.#orders[0]!)
      .catch((error: unknown) => onError('an order could not be carried out; it is tried again', error))
      .finally(() => {
        this.#running = false;
      });
  }

  async #run(order: BookedControl): Promise<void> {
    const { holdings, book, flush } = this.#parts;
    const revived = new Set<Site>();
    const all = [...holdings.buckets.values()];
    for (let at = 0; at < all.length; at += LOOKUPS) {
      const concerned = await this.#concerned(order, all.slice(at, at + LOOKUPS));
      for (const bucket of concerned) {
        if (order.action === 'bounce') await this.#bounce(order, bucket);
        else await this.#retry(order, bucket, revived);
        if (!this.#stands(order)) return;
      }
      await turn();
      if (!this.#stands(order)) return;
    }
    flush();
    if (!this.#stands(order)) return;
    book.done(order.id);
    this.#orders = this.#orders.filter((each) => each !== order);
  }

  /** Taken back, or nothing can be written now: then it goes on later. */
  #stands(order: BookedControl): boolean {
    const { gate } = this.#parts;
    return !gate.draining && !gate.diskFull && this.#orders.some(({ id }) => id === order.id);
  }

  async #concerned(order: BookedControl, buckets: Bucket[]): Promise<Bucket[]> {
    const { placer } = this.#parts;
    const found = await Promise.all(
      buckets.map(async (bucket) => {
        const known = concerns(order, placer.standing(bucket, bucket.destination));
        if (known !== undefined) return known;
        const destination = await placer.destinationOf(bucket);
        return concerns(order, placer.standing(bucket, destination)) === true;
      }),
    );
    return buckets.filter((bucket, n) => found[n] || this.#isThere(order, bucket));
  }

  /** Mail that another order has sent to this site. */
  #isThere(order: BookedControl, bucket: Bucket): boolean {
    return order.scope === 'site' && bucket.site?.spec.key === order.value;
  }

  async #bounce(order: BookedControl, bucket: Bucket): Promise<void> {
    const { holdings, settler, book } = this.#parts;
    // RFC 3463 X.7.1: delivery not authorized. Whoever ordered it is named in the audit log, not in a reply that may be exported.
    const text = `Returned by an operator's order (no. ${order.id})${order.reason ? `: ${order.reason}` : ''}`;
    const verdict = synthetic('bounced', 'other', '5.7.1', text);
    for (;;) {
      if (holdings.buckets.get(bucket.id) !== bucket || !this.#stands(order)) return;
      const rows = holdings.takeAny(bucket, SLICE, order.lastQueueId);
      for (const row of rows) settler.settle(bucket, row, verdict);
      if (rows.length > 0) book.count(order.id, rows.length);
      if (rows.length < SLICE) return;
      await turn();
    }
  }

  async #retry(order: BookedControl, bucket: Bucket, revived: Set<Site>): Promise<void> {
    const { holdings, book, placer, outlets } = this.#parts;
    const { site } = bucket;
    if (site && !revived.has(site)) {
      revived.add(site);
      for (const lane of site.lanes)
        if (order.scope !== 'source' || lane.source.address === order.value) lane.revive();
      outlets.pumpSoon(site);
    }
    placer.retryLookUp(bucket);
    for (;;) {
      if (holdings.buckets.get(bucket.id) !== bucket || !this.#stands(order)) return;
      const now = Date.now();
      const hastened = book.hasten(bucket.id, order.lastQueueId, now, SLICE);
      if (hastened > 0) {
        book.count(order.id, hastened);
        bucket.nextAt = Math.min(bucket.nextAt ?? now, now);
      }
      if (hastened < SLICE) break;
      await turn();
    }
    if (bucket.nextAt !== null && bucket.nextAt <= Date.now()) placer.activate(bucket);
  }
}
