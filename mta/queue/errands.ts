import { setImmediate as turn } from 'node:timers/promises';
import type { BookedControl, OrderBook } from '../spool/order-book.ts';
import type { Bucket } from './bucket.ts';
import { concerns } from './controls.ts';
import type { Gate } from './gate.ts';
import type { Holdings } from './holdings.ts';
import type { Outlets } from './outlets.ts';
import type { Placer } from './placer.ts';
import { returnedBy } from './returns.ts';
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
 * Orders that are done once, `bounce` and `retry`: in slices, over what was queued when they were given. A bounce also waits for mail that is on
 * its way then, and bounces what comes back. One that a restart interrupts is begun again and finds only what is left.
 */
export class Errands {
  readonly #parts: ErrandParts;
  #orders: readonly BookedControl[] = [];
  /** bounces that have gone over everything and wait for what was on its way, ten minutes at most */
  readonly #waiting = new Set<number>();
  #running = false;

  constructor(parts: ErrandParts) {
    this.#parts = parts;
  }

  /** Those that are not done; one that is no longer among them was taken back. */
  set(orders: readonly BookedControl[]): void {
    this.#orders = orders;
    const ids = new Set(orders.map(({ id }) => id));
    this.#parts.settler.returns.keep(ids);
    for (const id of this.#waiting) if (!ids.has(id)) this.#waiting.delete(id);
    this.goOn();
  }

  /** Also called by the tick: what waited for the disk goes on. */
  goOn(): void {
    const { gate, onError } = this.#parts;
    if (this.#running || this.#orders.length === 0 || gate.diskFull || gate.draining || !gate.settings)
      return;
    this.#running = true;
    void this.#next()
      .catch((error: unknown) => onError('an order could not be carried out; it is tried again', error))
      .finally(() => {
        this.#running = false;
      });
  }

  async #next(): Promise<void> {
    // An order is read before the mail that came with it in one look at the spool, and reaches that, too.
    await turn();
    const order = this.#orders.find(({ id }) => !this.#waiting.has(id));
    if (order) await this.#run(order);
    else for (const each of this.#orders) await this.#collect(each);
  }

  async #run(order: BookedControl): Promise<void> {
    const { holdings } = this.#parts;
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
    if (order.action === 'bounce') {
      this.#waiting.add(order.id);
      await this.#collect(order);
    } else this.#done(order);
  }

  /** Bounces what was on its way and has come back; when nothing is on its way any more, the order is done. */
  async #collect(order: BookedControl): Promise<void> {
    const { holdings, settler, book } = this.#parts;
    const { returns } = settler;
    for (const bucket of returns.back(order.id, (...mail) => holdings.isOnItsWay(...mail)))
      await this.#bounce(order, bucket);
    if (!this.#stands(order)) {
      this.#waiting.delete(order.id);
      return;
    }
    const returned = returns.count(order.id);
    if (returned > 0) book.count(order.id, returned);
    if (!returns.waitsFor(order.id)) this.#done(order);
  }

  #done(order: BookedControl): void {
    const { book, flush } = this.#parts;
    flush();
    // What could not be written is still there: it is begun again.
    this.#waiting.delete(order.id);
    if (!this.#stands(order)) return;
    book.done(order.id);
    this.#orders = this.#orders.filter(({ id }) => id !== order.id);
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
    const verdict = returnedBy(order);
    for (;;) {
      if (holdings.buckets.get(bucket.id) !== bucket || !this.#stands(order)) return;
      const rows = holdings.takeAny(bucket, SLICE, order.lastQueueId);
      for (const row of rows) settler.settle(bucket, row, verdict);
      if (rows.length > 0) book.count(order.id, rows.length);
      if (rows.length < SLICE) break;
      await turn();
    }
    settler.returns.add(order, bucket, holdings.onTheirWay(bucket, order.lastQueueId));
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
