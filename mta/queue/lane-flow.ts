import type { WarmUpCounter } from '../routing/warm-up.ts';
import type { Profile } from '../shaping/profiles.ts';
import { quietUntil } from '../shaping/quiet.ts';
import type { LaneThrottle } from '../shaping/throttles.ts';
import type { WaitReason } from '../types.ts';
import { type Brake, type Cap, endSurplus } from './cap.ts';
import type { Courier } from './courier.ts';
import { BULK } from './group.ts';
import type { LaneLimits, LaneSource } from './lane.ts';
import { LaneHealth } from './lane-health.ts';
import { RateLimit } from './rate-limit.ts';
import type { Site } from './site.ts';

const MINUTE = 60_000;

/** How fast a lane's mails may follow one another: rates of the site, of what it shares, and what the servers' replies have brought about. */
export abstract class LaneFlow extends LaneHealth {
  readonly site: Site;
  readonly source: LaneSource;
  /** over the provider's sites, or the route's sources */
  cap: Cap | undefined;
  /** over the provider's sites at this source: what its replies have brought about for all of them; undefined for a route */
  brake: Brake | undefined;
  /** a new source's daily cap at this provider */
  warming: WarmUpCounter | undefined;
  /** mails taken and not yet settled or given back */
  carrying = 0;
  /** what the servers' replies have brought about, while it holds */
  throttle: LaneThrottle | undefined;
  protected suspended = false;
  /** grows whenever replies have made it slower: mail that was taken before waits for the new rate */
  pace = 0;
  readonly #rate: RateLimit;
  #slow: RateLimit | undefined;
  #quietChecked = 0;
  #quietUntil: number | null = null;

  /** `before`: the lane that it replaces */
  constructor(site: Site, source: LaneSource, before: LaneFlow | undefined) {
    super();
    this.site = site;
    this.source = source;
    this.#rate = before ? before.#rate : new RateLimit(undefined, 1000);
    if (before) this.learnFrom(before);
  }

  abstract get couriers(): ReadonlySet<Courier>;

  get profile(): Profile | undefined {
    return this.site.spec.profile;
  }

  /** The site's limits are new. */
  follow({ cap, brake, warming }: LaneLimits): void {
    this.cap = cap;
    this.brake = brake;
    // What is on its way comes back to the new count.
    if (this.warming) this.warming.carrying -= this.carrying;
    if (warming) warming.carrying += this.carrying;
    this.warming = warming;
    this.#rate.set(this.site.spec.ratePerSecond, 1000);
  }

  /** ms until a mail may leave, Infinity: nobody knows, 0: now. Told to every courier that asks for work, so it must be cheap. */
  mailWait(now: number): number {
    if (!this.mayCarry || this.warming?.full) return Number.POSITIVE_INFINITY;
    const { cap, brake } = this;
    let wait = this.#rate.wait(now);
    if (cap) wait = Math.max(wait, cap.rate.wait(now));
    if (brake) wait = Math.max(wait, brake.rate.wait(now));
    if (this.#slow) wait = Math.max(wait, this.#slow.wait(now));
    return wait;
  }

  /** Also mail that is composed already must not leave while it may not. */
  get mayCarry(): boolean {
    return !this.suspended && !this.source.paused && !this.source.failed;
  }

  countMail(now: number): void {
    this.#rate.take(now);
    this.cap?.rate.take(now);
    this.brake?.rate.take(now);
    this.#slow?.take(now);
    this.carrying += 1;
    if (this.warming) this.warming.carrying += 1;
  }

  /** The mail was settled or given back. */
  mailDone(): void {
    this.carrying -= 1;
    if (this.warming) this.warming.carrying -= 1;
  }

  /** The rank of the last class that may send now: bulk mail keeps the quiet minutes around the full hour. */
  lastRank(wall: number): number {
    return this.quietUntil(wall) === null ? BULK : BULK - 1;
  }

  quietUntil(wall: number): number | null {
    if (!this.profile?.avoidTopOfHour) return null;
    if (Math.abs(wall - this.#quietChecked) >= 1000) {
      this.#quietChecked = wall;
      this.#quietUntil = quietUntil(wall, `${this.site.spec.key} ${this.source.address}`);
    }
    return this.#quietUntil;
  }

  /** Servers have asked for fewer mails a minute. */
  get slowed(): boolean {
    return this.#slow !== undefined;
  }

  /** Something has changed: undefined when nothing holds. `wall`: epoch ms. */
  throttled(throttle: LaneThrottle | undefined, wall: number): void {
    const before = this.throttle?.perMinute ?? Number.POSITIVE_INFINITY;
    const now = performance.now();
    this.throttle = throttle;
    this.suspended = throttle !== undefined && throttle.suspendedUntil > wall;
    if (throttle?.perMinute === undefined) this.#slow = undefined;
    else {
      if (throttle.perMinute < before) this.pace += 1;
      if (this.#slow) this.#slow.set(throttle.perMinute, MINUTE);
      else {
        this.#slow = new RateLimit(throttle.perMinute, MINUTE);
        // The mail whose reply began it was the first one.
        this.#slow.take(now);
      }
    }
    if (throttle?.connections !== undefined) endSurplus(this.couriers, this.connectionsLimit);
    this.brake?.hold(throttle?.together.perMinute, throttle?.together.connections, now);
  }

  rateReason(now: number): WaitReason {
    const { brake } = this;
    if ((this.#slow && this.#slow.wait(now) > 0) || (brake && brake.rate.wait(now) > 0)) return 'slowed';
    return this.cap && this.cap.rate.wait(now) > this.#rate.wait(now) ? 'provider-limit' : 'rate-limit';
  }

  /** Mails per second as the profile and the back-off have it, null: no limit */
  get ratePerSecond(): number | null {
    const slow = this.throttle?.perMinute;
    const { ratePerSecond } = this.site.spec;
    if (slow === undefined) return ratePerSecond ?? null;
    return Math.min(ratePerSecond ?? Number.POSITIVE_INFINITY, slow / 60);
  }
}
