import type { TlsRequirement } from '../routing/tls-policy.ts';
import type { WarmUpCounter } from '../routing/warm-up.ts';
import type { WaitReason } from '../types.ts';
import type { Brake, Cap } from './cap.ts';
import * as concurrency from './concurrency.ts';
import type { Courier } from './courier.ts';
import { LaneFlow } from './lane-flow.ts';
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
export class Lane extends LaneFlow {
  #couriers: Set<Courier> | undefined;
  lines: readonly Line[] = NONE;
  #stats: LaneStats | undefined;
  /** the lane that it replaces, while connections of that still finish what they had */
  #before: Lane | undefined;
  #wake: NodeJS.Timeout | undefined;
  readonly #connects: RateLimit;

  constructor(site: Site, source: LaneSource, more: LaneLimits & { before?: Lane | undefined }) {
    const { before } = more;
    super(site, source, before);
    this.#stats = before ? before.#stats : undefined;
    this.#connects = before ? before.#connects : new RateLimit(undefined, MINUTE);
    this.follow(more);
    if (before && before.couriers.size > 0) this.#before = before;
  }

  override get couriers(): ReadonlySet<Courier> {
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

  override follow(limits: LaneLimits): void {
    super.follow(limits);
    this.#connects.set(this.site.spec.newConnectionsPerMinute, MINUTE);
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

  // ---- connections

  override get connectionsLimit(): number {
    return Math.max(
      1,
      Math.min(this.site.spec.connections, this.throttle?.connections ?? Number.POSITIVE_INFINITY),
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
    if (this.suspended) return 'suspended';
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

  /** What more mail waits for although connections are open; undefined: for its turn. */
  limitReason(urgent: boolean): 'connection-limit' | 'reserved' | undefined {
    const limit = this.connectionsLimit;
    const used = this.couriers.size;
    if (used >= limit) return 'connection-limit';
    return !urgent && limit >= 2 && used === limit - 1 ? 'reserved' : undefined;
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
