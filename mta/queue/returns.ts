import type { BookedControl } from '../spool/order-book.ts';
import type { Bucket } from './bucket.ts';
import { synthetic, type Verdict } from './settlement.ts';

/** The verdict of mail that an operator returns. RFC 3463 X.7.1: delivery not authorized. */
export function returnedBy({ id, reason }: BookedControl): Verdict {
  // Whoever ordered it is named in the audit log, not in a reply that may be exported.
  const text = `Returned by an operator's order (no. ${id})${reason ? `: ${reason}` : ''}`;
  return synthetic('bounced', 'other', '5.7.1', text);
}

/**
 * Mail that was on its way when an operator ordered it back. What the remote takes is delivered; what comes back (deferred, or not yet
 * given to a server) is bounced.
 */
export class Returns {
  /** by queue id */
  readonly #mails = new Map<number, { order: BookedControl; bucket: Bucket }>();
  /** by order: mails that were returned and are not yet counted in the spool */
  readonly #returned = new Map<number, number>();

  add(order: BookedControl, bucket: Bucket, ids: readonly number[]): void {
    for (const id of ids) this.#mails.set(id, { order, bucket });
  }

  /** Asked of each mail that is about to leave; when there is an order, whoever asks settles the mail with it. */
  take(id: number): BookedControl | undefined {
    if (this.#mails.size === 0) return undefined;
    const order = this.#mails.get(id)?.order;
    if (!order) return undefined;
    this.#mails.delete(id);
    this.#returned.set(order.id, (this.#returned.get(order.id) ?? 0) + 1);
    return order;
  }

  /** Mails of these orders only; the others were taken back. */
  keep(orders: ReadonlySet<number>): void {
    for (const [id, { order }] of this.#mails) if (!orders.has(order.id)) this.#mails.delete(id);
  }

  /** Buckets with mail that is no longer on its way, whatever became of it: it is waited for no more. */
  back(orderId: number, isOnItsWay: (bucket: Bucket, id: number) => boolean): Set<Bucket> {
    const buckets = new Set<Bucket>();
    for (const [id, { order, bucket }] of this.#mails) {
      if (order.id !== orderId || isOnItsWay(bucket, id)) continue;
      this.#mails.delete(id);
      buckets.add(bucket);
    }
    return buckets;
  }

  waitsFor(orderId: number): boolean {
    for (const { order } of this.#mails.values()) if (order.id === orderId) return true;
    return false;
  }

  /** How many were returned by `take` since the last call. */
  count(orderId: number): number {
    const count = this.#returned.get(orderId) ?? 0;
    this.#returned.delete(orderId);
    return count;
  }
}
