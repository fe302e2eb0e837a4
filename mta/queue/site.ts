import type { HostTarget } from '../routing/types.ts';
import type { DeliveryClass, WaitReason } from '../types.ts';
import type { Bucket } from './bucket.ts';
import * as concurrency from './concurrency.ts';
import type { Courier } from './courier.ts';
import { RELAY_CONNECTIONS, type SiteSpec } from './destinations.ts';
import { RateLimit } from './rate-limit.ts';
import { Ring } from './ring.ts';

const CLASSES: readonly DeliveryClass[] = ['transactional', 'test', 'bulk'];
/** New connections that are being opened at the same time while others are open; the first one goes alone. */
const OPENING = 2;
/** ms without a new connection after a refused one, while others still work */
const CONNECT_PAUSE = 10_000;
/** ms of pause after the first connection that was of no use; doubles with each that follows */
const FRUITLESS_PAUSE = 1000;
const FRUITLESS_PAUSE_MAX = 300_000;
/** ms that a host which did not answer is tried after all others */
const HOST_DOWN = 60_000;
/** ms after which a site without mail is forgotten, with what it had learnt */
const FORGET_AFTER = 600_000;

/**
 * A set of hosts with its couriers (connections) and the buckets that wait for one: what limits hold for. Waits are
 * measured with the monotonic clock, so that setting the system's clock neither stalls a site nor floods it.
 */
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
  /** connections fail, so nothing is tried until then but one probe after it */
  #deadUntil = 0;
  #connectAfter = 0;
  /** connections one after the other that ended before one mail had its verdict */
  #fruitless = 0;
  #usedAt = performance.now();
  readonly #hostsDown = new Map<string, number>();
  #wake: NodeJS.Timeout | undefined;
  readonly #rate: RateLimit;
  readonly #connects: RateLimit;

  constructor(spec: SiteSpec) {
    this.spec = spec;
    this.#rate = new RateLimit(spec.ratePerSecond, 1000);
    this.#connects = new RateLimit(spec.newConnectionsPerMinute, 60_000);
  }

  add(bucket: Bucket): void {
    this.#usedAt = performance.now();
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

  /** Nobody has needed it for a while. */
  get forgettable(): boolean {
    return this.couriers.size === 0 && !this.hasWork && performance.now() - this.#usedAt > FORGET_AFTER;
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
  rateWait(): number {
    return this.#rate.wait();
  }

  countMail(): void {
    this.#rate.take();
  }

  /** May another connection be opened now? */
  mayConnect(): boolean {
    const now = performance.now();
    if (now < this.#deadUntil || now < this.#connectAfter) return false;
    let opening = 0;
    for (const courier of this.couriers) if (courier.opening) opening += 1;
    // A site that has not answered yet (or was dead) gets one connection, not a crowd.
    if (opening >= (this.couriers.size > opening ? OPENING : 1)) return false;
    return this.couriers.size < this.limit && this.#connects.wait() === 0;
  }

  countConnect(): void {
    this.#connects.take();
  }

  get limit(): number {
    return Math.max(1, Math.floor(Math.min(this.#allowed, this.spec.connections)));
  }

  /** A server has given a mail its verdict, whatever it was. */
  answered(): void {
    this.#fruitless = 0;
  }

  succeeded(): void {
    this.#allowed = concurrency.afterSuccess(this.#allowed, this.spec.connections);
  }

  refused(): void {
    this.#allowed = concurrency.afterRefusal(this.#allowed);
  }

  connected(): void {
    this.#deadUntil = 0;
  }

  /** No host can be reached: a probe after `ms`. */
  died(ms: number): void {
    this.#deadUntil = performance.now() + ms;
  }

  /** A connection failed while others work: it was one too many. */
  pauseConnecting(): void {
    this.#connectAfter = performance.now() + CONNECT_PAUSE;
  }

  /** A connection ended before any mail had its verdict: each has cost a mail an attempt, so the next ones come slower. */
  wasFruitless(): void {
    const pause = Math.min(FRUITLESS_PAUSE * 2 ** Math.min(this.#fruitless, 20), FRUITLESS_PAUSE_MAX);
    this.#fruitless += 1;
    this.#connectAfter = performance.now() + pause;
  }

  /** The hosts in the order to try: as given, but those that did not answer lately last. */
  inOrder(hosts: readonly HostTarget[]): HostTarget[] {
    const now = performance.now();
    const down = (host: HostTarget): boolean => (this.#hostsDown.get(nameOf(host)) ?? 0) > now;
    return [...hosts.filter((host) => !down(host)), ...hosts.filter(down)];
  }

  hostAnswered(host: HostTarget): void {
    this.#hostsDown.delete(nameOf(host));
  }

  hostFailed(host: HostTarget): void {
    this.#hostsDown.set(nameOf(host), performance.now() + HOST_DOWN);
  }

  /** Does this relay host have all the connections that its route allows? */
  isFull(host: HostTarget): boolean {
    if (!host.relay) return false;
    let used = 0;
    for (const courier of this.couriers) if (courier.host && nameOf(courier.host) === nameOf(host)) used += 1;
    return used >= (host.relay.connections ?? RELAY_CONNECTIONS);
  }

  /** A copy: whoever walks over it may add and remove. */
  buckets(): Bucket[] {
    return CLASSES.flatMap((name) => [...this.#rings[name]]);
  }

  /** Calls back once after `ms`, however often it is asked meanwhile. */
  wakeIn(ms: number, run: () => void): void {
    this.#wake ??= setTimeout(() => {
      this.#wake = undefined;
      run();
    }, ms);
  }

  /** Why a due mail of this site waits, by its name. */
  get waitReason(): WaitReason {
    const now = performance.now();
    if (now < this.#deadUntil) return 'site-dead';
    if (this.rateWait() > 0) return 'rate-limit';
    let open = 0;
    for (const courier of this.couriers) if (!courier.opening) open += 1;
    if (open > 0) return open >= this.spec.connections ? 'connection-limit' : 'sending';
    if (this.couriers.size > 0) return 'connecting';
    return now < this.#connectAfter ? 'site-dead' : 'ready';
  }
}

const nameOf = (host: HostTarget): string => `${host.address} ${host.port}`;
