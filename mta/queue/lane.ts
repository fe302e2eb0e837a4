import type { TlsRequirement } from '../routing/tls-policy.ts';
import type { WarmUpCounter } from '../routing/warm-up.ts';
import type { Profile } from '../shaping/profiles.ts';
import { quietUntil } from '../shaping/quiet.ts';
import type { LaneThrottle } from '../shaping/throttles.ts';
import type { WaitReason } from '../types.ts';
import { type Brake, type Cap, endSurplus } from './cap.ts';
import * as concurrency from './concurrency.ts';
import type { Courier } from './courier.ts';
import { BULK } from './group.ts';
import { LaneHealth } from './lane-health.ts';
import { LaneStats } from './lane-stats.ts';
import { Line } from './line.ts';
import { RateLimit } from './rate-limit.ts';
import type { Site } from './site.ts';
import type { Throughput } from './throughput.ts';

/** New connections that are being opened at the same time while others are open; the first one goes alone. */
const OPENING = 2;
/** ms to the next mail for which no connection is opened before */
const LONG_WAIT = 1000;
const MINUTE = 60_000;

/** Shared by all lanes that have none: there may be 100,000. */
const NOBODY: ReadonlySet<Courier> = new Set();
const NONE: readonly never[] = [];

/** An address that mail leaves by; one object for all lanes. */
export interface LaneSource {
  /** '': the system chooses */
  readonly address: string;
  readonly ehlo: string;
  /** it cannot be bound */
  readonly failed: boolean;
  /** an operator's order */
  readonly paused: boolean;
  readonly throughput: Throughput;
}

/** What holds for a lane beside its site's own limits. */
export interface LaneLimits {
  cap: Cap | undefined;
  brake: Brake | undefined;
  warming: WarmUpCounter | undefined;
}

/**
 * A site over one source: what limits hold for. Waits are measured with the monotonic clock, so that setting the system's clock neither
 * stalls a lane nor floods a site.
 */
export class Lane extends LaneHealth {
  readonly site: Site;
  readonly source: LaneSource;
  #couriers: Set<Courier> | undefined;
  lines: readonly Line[] = NONE;
  #stats: LaneStats | undefined;
  /** over the provider's sites, or the route's sources */
  cap: Cap | undefined;
  /** over the provider's sites at this source: what its replies have brought about for all of them; undefined for a route */
  brake: Brake | undefined;
  /** a new source's daily cap at this provider */
  warming: WarmUpCounter | undefined;
  /** mails taken and not yet settled or given back */
  carrying = 0;
  /** what the servers' replies have brought about, while it holds */
  #throttle: LaneThrottle | undefined;
  #suspended = false;
  /** grows whenever replies have made it slower: mail that was taken before waits for the new rate */
  pace = 0;
  /** the lane that it replaces, while connections of that still finish what they had */
  #before: Lane | undefined;
  #wake: NodeJS.Timeout | undefined;
  readonly #rate: RateLimit;
  readonly #connects: RateLimit;
  #slow: RateLimit | undefined;
  #quietChecked = 0;
  #quietUntil: number | null = null;

  constructor(site: Site, source: LaneSource, more: LaneLimits & { before?: Lane | undefined }) {
    super();
    this.site = site;
    this.source = source;
    const { before } = more;
    this.#stats = before ? before.#stats : undefined;
    this.#rate = before ? before.#rate : new RateLimit(undefined, 1000);
    this.#connects = before ? before.#connects : new RateLimit(undefined, MINUTE);
    this.follow(more);
    if (!before) return;
    this.learnFrom(before);
    if (before.couriers.size > 0) this.#before = before;
  }

  get couriers(): ReadonlySet<Courier> {
    return this.#couriers ?? NOBODY;
  }

  add(courier: Courier): void {
    this.#couriers ??= new Set();
    this.#couriers.add(courier);
  }

  remove(courier: Courier): void {
    this.#couriers?.delete(courier);
    if (this.#couriers?.size === 0) this.#couriers = undefined;
  }

  /** Made with the first outcome. */
  get stats(): LaneStats {
    this.#stats ??= new LaneStats();
    return this.#stats;
  }

  get settled(): number {
    return this.#stats?.settled ?? 0;
  }

  /** Mail that may leave by it stands in line. */
  get hasWork(): boolean {
    for (const line of this.lines) if (line.hasWork) return true;
    return false;
  }

  /** recipient domains of the mail that may leave by it */
  get domains(): number {
    let sum = 0;
    for (const line of this.lines) for (const group of line.groups) sum += group.domains;
    return sum;
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
    this.#connects.set(this.site.spec.newConnectionsPerMinute, MINUTE);
  }

  get profile(): Profile | undefined {
    return this.site.spec.profile;
  }

  /** Made when the first mail with that requirement comes. */
  line(tls: TlsRequirement): Line {
    let line = this.lines.find((each) => each.tls.key === tls.key);
    if (!line) {
      line = new Line(this, tls);
      this.lines = this.lines.concat(line);
    }
    return line;
  }

  // ---- mails on open connections

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
    return !this.#suspended && !this.source.paused && !this.source.failed;
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

  get throttle(): LaneThrottle | undefined {
    return this.#throttle;
  }

  /** Something has changed: undefined when nothing holds. `wall`: epoch ms. */
  throttled(throttle: LaneThrottle | undefined, wall: number): void {
    const before = this.#throttle?.perMinute ?? Number.POSITIVE_INFINITY;
    const now = performance.now();
    this.#throttle = throttle;
    this.#suspended = throttle !== undefined && throttle.suspendedUntil > wall;
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

  // ---- connections

  override get connectionsLimit(): number {
    return Math.max(
      1,
      Math.min(this.site.spec.connections, this.#throttle?.connections ?? Number.POSITIVE_INFINITY),
    );
  }

  /** Why the group's mail gets no (further) connection here now; undefined: it may have one. */
  block(line: Line, urgent: boolean, now: number, wall: number): WaitReason | undefined {
    return this.closed(line, now) ?? this.#held(urgent, now, wall) ?? this.#full(urgent, now);
  }

  /** Nothing can leave by it at all. */
  closed(line: Line, now: number): WaitReason | undefined {
    const { source } = this;
    if (source.failed) return 'source-failed';
    if (source.paused) return 'paused-by-operator';
    if (this.#suspended) return 'suspended';
    const dead = now < this.deadUntil;
    if (dead || now < line.deadUntil)
      return this.site.relays?.allDown ? 'relay-down' : dead ? 'site-dead' : 'tls-unmet';
    return undefined;
  }

  /** It works, and mail has to wait for its turn by a limit. */
  #held(urgent: boolean, now: number, wall: number): WaitReason | undefined {
    if (this.warming?.full) return 'warm-up';
    if (!urgent && this.quietUntil(wall) !== null) return 'quiet-minutes';
    // Another connection would only wait, too; and one that is all alone would soon end again, as it has nothing to do.
    const wait = this.mailWait(now);
    if (wait > (this.couriers.size > 0 ? 0 : LONG_WAIT)) return this.rateReason(now);
    return undefined;
  }

  #full(urgent: boolean, now: number): WaitReason | undefined {
    let opening = 0;
    for (const courier of this.couriers) if (courier.opening) opening += 1;
    // Servers that have not answered yet (or were dead) get one connection, not a crowd.
    if (opening >= (this.couriers.size > opening ? OPENING : 1)) return 'connecting';
    // One too many is no reason to wait when all the others have ended, too.
    if (now < this.connectAfter && (this.fruitless > 0 || this.couriers.size > 0))
      return this.fruitless > 0 ? 'site-dead' : 'connection-limit';
    const before = this.#before ? this.#before.couriers.size : 0;
    if (before === 0) this.#before = undefined;
    const used = this.couriers.size + before;
    const limit = this.connectionsLimit;
    const slots = concurrency.slots(this.allowed, limit);
    if (used >= (urgent ? slots.urgent : slots.bulk)) return this.limitReason(urgent) ?? 'connection-limit';
    const shared = this.cap?.block(urgent) ?? this.brake?.block(urgent);
    if (shared) return shared;
    if (this.#connects.wait(now) > 0) return 'connect-rate';
    return this.site.relays?.block(urgent, now);
  }

  rateReason(now: number): WaitReason {
    const { brake } = this;
    if ((this.#slow && this.#slow.wait(now) > 0) || (brake && brake.rate.wait(now) > 0)) return 'slowed';
    return this.cap && this.cap.rate.wait(now) > this.#rate.wait(now) ? 'provider-limit' : 'rate-limit';
  }

  /** What more mail waits for although connections are open; undefined: for its turn. */
  limitReason(urgent: boolean): 'connection-limit' | 'reserved' | undefined {
    const limit = this.connectionsLimit;
    const used = this.couriers.size;
    if (used >= limit) return 'connection-limit';
    return !urgent && limit >= 2 && used === limit - 1 ? 'reserved' : undefined;
  }

  /** Mails per second as the profile and the back-off have it, null: no limit */
  get ratePerSecond(): number | null {
    const slow = this.#throttle?.perMinute;
    const { ratePerSecond } = this.site.spec;
    if (slow === undefined) return ratePerSecond ?? null;
    return Math.min(ratePerSecond ?? Number.POSITIVE_INFINITY, slow / 60);
  }

  /** More connections than bulk mail may have: the one that was opened for urgent mail is kept for it. */
  get beyondBulk(): boolean {
    return (
      this.couriers.size > concurrency.slots(this.allowed, this.connectionsLimit).bulk ||
      this.cap?.beyondBulk === true ||
      this.brake?.beyondBulk === true ||
      this.site.relays?.beyondBulk === true
    );
  }

  /** Limits that its connections count for. */
  get caps(): Cap[] {
    return [this.cap, this.brake].filter((each) => each !== undefined);
  }

  /** Connections that take what it could have. */
  get rivals(): ReadonlySet<Courier> {
    const { cap, brake } = this;
    return cap?.couriers ?? (brake?.limitsConnections ? brake.couriers : this.couriers);
  }

  countConnect(now: number): void {
    this.#connects.take(now);
  }

  /** ms until the wait for this reason is over, as far as the lane itself knows. */
  waitOf(reason: WaitReason, line: Line, now: number): number | undefined {
    switch (reason) {
      case 'site-dead':
      case 'tls-unmet':
        return Math.max(this.deadUntil, line.deadUntil, this.connectAfter) - now;
      case 'connect-rate':
        return this.#connects.wait(now);
      default:
        return undefined;
    }
  }

  // ---- what is learnt

  connected(line: Line): void {
    super.reachable();
    line.deadUntil = 0;
  }

  /** Also: a relay's own setting says what TLS is asked of it. */
  override reachable(): void {
    super.reachable();
    for (const line of this.lines) line.deadUntil = 0;
  }

  /** The servers were reached, but not with the TLS that this line's mail asks for. */
  lineDied(line: Line, ms: number): void {
    line.deadUntil = performance.now() + ms;
  }

  /** Calls back once after `ms`, however often it is asked meanwhile. */
  wakeIn(ms: number, run: () => void): void {
    // Nobody knows when: whoever ends the wait wakes it.
    if (ms === Number.POSITIVE_INFINITY) return;
    this.#wake ??= setTimeout(() => {
      this.#wake = undefined;
      run();
    }, ms);
  }
}
