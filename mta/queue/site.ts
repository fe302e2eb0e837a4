import type { DeliveryClass, WaitReason } from '../types.ts';
import type { Bucket } from './bucket.ts';
import * as concurrency from './concurrency.ts';
import type { Courier } from './courier.ts';
import type { SiteSpec } from './destinations.ts';
import { RateLimit } from './rate-limit.ts';
import { Ring } from './ring.ts';

const CLASSES: readonly DeliveryClass[] = ['transactional', 'test', 'bulk'];
/** New connections that are being opened at the same time. */
const OPENING = 2;

/** A set of hosts with its couriers (connections) and the buckets that wait for one: what limits hold for. */
export class Site {
  spec: SiteSpec;
  readonly couriers = new Set<Courier>();
  /** Buckets that may have due mail, by class; each class in turn among its buckets. */
  readonly #rings: Record<DeliveryClass, Ring<Bucket>> = {
    transactional: new Ring(),
    test: new Ring(),
    bulk: new Ring(),
  };
  /** how many connections it may have now; a fraction grows to the next whole one */
  #allowed = concurrency.START;
  /** epoch ms; connections fail, so nothing is tried until then but one probe after it */
  deadUntil = 0;
  /** epoch ms; a connection was refused while others work */
  connectAfter = 0;
  #wake: NodeJS.Timeout | undefined;
  readonly #rate: RateLimit;
  readonly #connects: RateLimit;

  constructor(spec: SiteSpec) {
    this.spec = spec;
    this.#rate = new RateLimit(spec.ratePerSecond, 1000);
    this.#connects = new RateLimit(spec.newConnectionsPerMinute, 60_000);
  }

  add(bucket: Bucket): void {
    this.#rings[bucket.job.class].add(bucket);
  }

  remove(bucket: Bucket): void {
    this.#rings[bucket.job.class].remove(bucket);
  }

  has(bucket: Bucket): boolean {
    return this.#rings[bucket.job.class].has(bucket);
  }

  get hasWork(): boolean {
    return CLASSES.some((name) => this.#rings[name].size > 0);
  }

  /** The next bucket in turn: transactional before test before bulk. */
  nextBucket(): Bucket | undefined {
    for (const name of CLASSES) {
      const bucket = this.#rings[name].next();
      if (bucket) return bucket;
    }
    return undefined;
  }

  /** ms until a mail may be sent by the rate limit, 0: now */
  rateWait(now: number): number {
    return this.#rate.wait(now);
  }

  countMail(now: number): void {
    this.#rate.take(now);
  }

  /** May another connection be opened now? */
  mayConnect(now: number): boolean {
    if (now < this.deadUntil || now < this.connectAfter) return false;
    let opening = 0;
    for (const courier of this.couriers) if (courier.opening) opening += 1;
    // A site that was dead gets one probe, not a crowd.
    if (opening >= (this.deadUntil > 0 ? 1 : OPENING)) return false;
    return this.couriers.size < this.limit && this.#connects.wait(now) === 0;
  }

  countConnect(now: number): void {
    this.#connects.take(now);
  }

  get limit(): number {
    return Math.max(1, Math.floor(Math.min(this.#allowed, this.spec.connections)));
  }

  succeeded(): void {
    this.#allowed = concurrency.afterSuccess(this.#allowed, this.spec.connections);
  }

  refused(): void {
    this.#allowed = concurrency.afterRefusal(this.#allowed);
  }

  connected(): void {
    this.deadUntil = 0;
  }

  *buckets(): Iterable<Bucket> {
    for (const name of CLASSES) yield* [...this.#rings[name]];
  }

  /** Calls back once after `ms`, however often it is asked meanwhile. */
  wakeIn(ms: number, run: () => void): void {
    this.#wake ??= setTimeout(() => {
      this.#wake = undefined;
      run();
    }, ms);
  }

  /** Why a due mail of this site waits, by its name. */
  waitReason(now: number): WaitReason {
    if (now < this.deadUntil) return 'site-dead';
    if (this.rateWait(now) > 0) return 'rate-limit';
    const open = [...this.couriers].filter((courier) => !courier.opening).length;
    if (open > 0) return open >= this.spec.connections ? 'connection-limit' : 'sending';
    return this.couriers.size > 0 ? 'connecting' : 'ready';
  }
}
