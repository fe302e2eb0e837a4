import type { HostTarget } from '../routing/types.ts';
import * as concurrency from './concurrency.ts';
import { HostsDown } from './hosts-down.ts';

/** ms without a new connection after a refused one, while others still work */
const CONNECT_PAUSE = 10_000;
/** ms of pause after the first connection that was of no use; doubles with each that follows */
const FRUITLESS_PAUSE = 1000;
const FRUITLESS_PAUSE_MAX = 300_000;

/**
 * What a lane has learnt of its servers by connecting to them: whether they answer, which of them, and how many connections they bear. Waits
 * are measured with the monotonic clock. A base class and no part of a lane, as there may be 100,000 lanes.
 */
export abstract class LaneHealth {
  /** how many connections it may have now; a fraction grows to the next whole one */
  allowed = concurrency.START;
  /** connections fail, so nothing is tried until then but one probe after it */
  protected deadUntil = 0;
  protected connectAfter = 0;
  /** connections one after the other that ended before one mail had its verdict */
  protected fruitless = 0;
  #hostsDown: HostsDown | undefined;

  /** as profile, route and back-off have it */
  abstract get connectionsLimit(): number;

  /** It replaces this one: what was learnt about the servers is still true. */
  protected learnFrom(before: LaneHealth): void {
    this.allowed = before.allowed;
    this.fruitless = before.fruitless;
    this.connectAfter = before.connectAfter;
    this.deadUntil = before.deadUntil;
    this.#hostsDown = before.#hostsDown;
  }

  /** A server has given a mail its verdict, whatever it was. */
  answered(): void {
    this.fruitless = 0;
  }

  succeeded(): void {
    this.allowed = concurrency.afterSuccess(this.allowed, this.connectionsLimit);
  }

  refused(): void {
    this.allowed = concurrency.afterRefusal(this.allowed);
  }

  /** A server has greeted, or a relay of the route is known to be up again. */
  reachable(): void {
    this.deadUntil = 0;
  }

  /** No host can be reached: a probe after `ms`. */
  died(ms: number): void {
    this.deadUntil = performance.now() + ms;
  }

  /** Its last connection was of no use, or could not be had. */
  get failing(): boolean {
    return this.deadUntil > 0 || this.fruitless > 0;
  }

  /** An operator wants it tried again at once. */
  revive(): void {
    this.reachable();
    this.connectAfter = 0;
    this.fruitless = 0;
    this.#hostsDown = undefined;
  }

  /** A connection failed while others work: it was one too many. */
  pauseConnecting(): void {
    this.connectAfter = performance.now() + CONNECT_PAUSE;
  }

  /** A connection ended before any mail had its verdict: each has cost a mail an attempt, so the next ones come slower. */
  wasFruitless(): void {
    const pause = Math.min(FRUITLESS_PAUSE * 2 ** Math.min(this.fruitless, 20), FRUITLESS_PAUSE_MAX);
    this.fruitless += 1;
    this.connectAfter = performance.now() + pause;
  }

  /** The hosts in the order to try: as given, but those that did not answer lately last. */
  inOrder(hosts: readonly HostTarget[]): HostTarget[] {
    return this.#hostsDown?.last(hosts, performance.now()) ?? [...hosts];
  }

  hostAnswered(host: HostTarget): void {
    this.#hostsDown?.answered(host);
  }

  hostFailed(host: HostTarget): void {
    this.#hostsDown ??= new HostsDown();
    this.#hostsDown.failed(host, performance.now());
  }
}
