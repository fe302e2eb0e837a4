import type { Route } from '../types.ts';
import type { Bucket } from './bucket.ts';
import { Courier, type CourierOwner } from './courier.ts';
import type { SiteSpec } from './destinations.ts';
import type { Gate } from './gate.ts';
import type { Group } from './group.ts';
import type { Lane, LaneLimits, LaneSource } from './lane.ts';
import { Limits } from './limits.ts';
import type { RelayState } from './relay-state.ts';
import { Relays, type RouteRelays } from './relays.ts';
import { Rounds } from './rounds.ts';
import type { Shaping } from './shaping.ts';
import { Site, type SiteWorld } from './site.ts';
import type { SocketRank, Sockets } from './sockets.ts';

/** sites looked at in a tick: 20,000 a second cost 4 % of a core */
const WALK = 2000;
/** sites that have waited for a connection and are looked at in a turn of the event loop */
const GRANTS = 500;

/** Sites, what they share, and their connections: opens those that are needed and gives them work. */
export class Outlets implements SiteWorld {
  readonly sites = new Map<string, Site>();
  /** all connections, also of sites of before the settings changed */
  readonly couriers = new Set<Courier>();
  readonly routeRelays = new Relays({ changed: (relay) => this.#relayChanged(relay) });
  readonly #gate: Gate;
  readonly #shaping: Shaping;
  readonly #owner: CourierOwner;
  readonly #sockets: Sockets;
  /** sites of before the settings changed: the new ones take over what they have learnt */
  #before = new Map<string, Site>();
  readonly #limits: Limits;
  /** sites that may have work; those without are found out at the next tick */
  readonly #working = new Set<Site>();
  readonly #rounds = new Rounds(this.#working);
  readonly #dirty = new Set<Site>();
  #scheduled = false;
  #onEnd: (() => void) | undefined;

  constructor(gate: Gate, shaping: Shaping, owner: CourierOwner, sockets: Sockets) {
    this.#gate = gate;
    this.#sockets = sockets;
    this.#shaping = shaping;
    this.#limits = new Limits(shaping);
    this.#owner = owner;
  }

  /** The site of a destination. */
  site(spec: SiteSpec): Site {
    let site = this.sites.get(spec.key);
    if (site) site.update(spec);
    else {
      site = new Site(spec, this, this.#before.get(spec.key));
      this.sites.set(spec.key, site);
    }
    return site;
  }

  /** Puts a bucket into this group's line and takes it out of any other. */
  enter(bucket: Bucket, group: Group): void {
    if (bucket.group !== group) {
      bucket.group?.remove(bucket);
      bucket.group = group;
    }
    group.site.add(bucket);
    this.#working.add(group.site);
    this.pumpSoon(group.site);
  }

  /** Does this site still stand, or was it replaced? */
  stands(site: Site): boolean {
    return this.sites.get(site.spec.key) === site;
  }

  /** The settings have changed: everything is found anew, and connections end after what they have in flight. */
  reset(routes: readonly Route[]): void {
    this.#before = new Map(this.sites);
    for (const site of this.sites.values()) site.forgetBefore();
    this.sites.clear();
    this.#working.clear();
    this.#sockets.forgetWaiting();
    this.routeRelays.apply(routes);
    this.stopAll();
  }

  stopAll(): void {
    for (const courier of [...this.couriers]) courier.stop();
  }

  /** Ends what leaves by it. */
  stopSource(address: string): void {
    for (const courier of [...this.couriers]) if (courier.lane.source.address === address) courier.stop();
  }

  /** All connections end after what they have in flight, after `timeout` ms at once. Resolves when none is left. */
  async drain(timeout: number): Promise<void> {
    this.stopAll();
    if (this.couriers.size === 0) return;
    const timer = setTimeout(() => {
      for (const courier of [...this.couriers]) courier.destroy();
    }, timeout);
    await new Promise<void>((resolve) => {
      this.#onEnd = resolve;
    });
    clearTimeout(timer);
  }

  /** A relay is up, so that spares have had their time, or down, so that what it still carries is its last. */
  #relayChanged(relay: RelayState): void {
    const route = this.routeRelays.of(relay.routeId);
    for (const courier of [...this.couriers])
      if (courier.relay?.routeId === relay.routeId && !route?.serves(courier.relay)) courier.stop();
    for (const site of this.sites.values()) {
      if (site.spec.routeId !== relay.routeId) continue;
      if (relay.state === 'up') for (const lane of site.lanes) lane.reachable();
      this.pumpSoon(site);
    }
  }

  /** A relay does not answer at all: its connections are dead, though nothing has told of their end. */
  abandon(relay: RelayState, why: string): void {
    for (const courier of [...this.couriers]) if (courier.relay === relay) courier.destroy(why);
  }

  /** None of its relays answers: mail waits without trying them, for `ms` at most. */
  routeDied(routeId: number, ms: number): void {
    for (const { spec, lanes } of this.sites.values())
      if (spec.routeId === routeId) for (const lane of lanes) lane.died(ms);
  }

  /**
   * Called ten times a second: sites with work whose wait may be over. All that are connected (they may have waited for the disk), the others some
   * at a time, as 100,000 may be in a long wait (a probe, a source that is out, a day's warm-up), and whoever ends a short one tells the site.
   */
  tick(): void {
    for (const courier of this.#sockets.givingWay(performance.now())) courier.stop();
    for (const { lane } of this.couriers) this.pumpSoon(lane.site);
    for (const site of this.#rounds.next(WALK)) {
      if (!site.hasWork) this.#working.delete(site);
      // At once: to gather thousands first would cost more than to look at them. Those that wait for a connection are told.
      else if (!this.#sockets.waits(site)) this.#pump(site, false);
    }
  }

  /** Forgets sites that nobody has needed for a while, with what they had learnt. */
  tidy(): void {
    this.#before.clear();
    for (const [key, site] of this.sites) if (site.forgettable) this.sites.delete(key);
  }

  *lanes(): Generator<Lane> {
    for (const site of this.sites.values()) yield* site.lanes;
  }

  /** Gives the site's connections work and opens more; once per turn of the event loop however often it is asked. */
  pumpSoon(site: Site): void {
    this.#dirty.add(site);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#grant();
      const sites = [...this.#dirty];
      this.#dirty.clear();
      for (const each of sites) this.#pump(each, false);
    });
  }

  /** Before anybody else, those that have waited get the connections that are free. */
  #grant(): void {
    if (!this.#gate.open) return;
    for (let n = 0; n < GRANTS; n += 1) {
      const site = this.#sockets.next();
      if (!site) return;
      this.#pump(site, true);
    }
    this.#schedule();
  }

  /** `granted`: it is its turn for a connection. */
  #pump(site: Site, granted: boolean): void {
    if (!this.#gate.open || !this.stands(site)) return;
    for (const lane of site.lanes) for (const courier of lane.couriers) courier.pump();
    if (!site.hasWork) return;
    const now = performance.now();
    const wall = Date.now();
    for (const group of site.groupsInTurn()) {
      const lane = site.laneFor(group, now, wall);
      if (!lane) {
        this.#makeRoom(group);
        continue;
      }
      const rank = rankOf(group, lane);
      const full = this.#sockets.full(group.urgent);
      if (full || (!granted && this.#sockets.contended(rank))) {
        this.#sockets.wait(site, rank);
        if (!full) this.#schedule();
        continue;
      }
      granted = false;
      this.#connect(lane, group, now);
    }
  }

  #connect(lane: Lane, group: Group, now: number): void {
    lane.countConnect(now);
    const courier = new Courier(lane.line(group.tls), group.sample, this.#owner);
    lane.add(courier);
    courier.caps = lane.caps;
    for (const cap of courier.caps) cap.couriers.add(courier);
    this.couriers.add(courier);
    this.#sockets.begun(courier, now);
    courier.forUrgent = this.beyondBulk(lane);
    void courier.start();
  }

  /** More connections than bulk mail may have, of the lane or of the whole MTA: what was opened for urgent mail is kept for it. */
  beyondBulk(lane: Lane): boolean {
    return this.#sockets.beyondBulk || lane.beyondBulk;
  }

  /** An idle connection that cannot carry the group's mail gives up its slot when the group has none. */
  #makeRoom(group: Group): void {
    // One that it has may be kept for urgent mail: the site is told of a free slot in any case.
    for (const { lane } of group.shares) {
      lane.cap?.waiting.add(group.site);
      if (lane.brake?.limitsConnections) lane.brake.waiting.add(group.site);
    }
    for (const { lane } of group.shares)
      for (const courier of lane.couriers) if (courier.line.tls.key === group.tls.key) return;
    for (const { lane } of group.shares) {
      for (const courier of lane.rivals)
        if (courier.idle) {
          courier.stop();
          return;
        }
    }
  }

  /** The server has greeted. */
  opened(courier: Courier): void {
    this.#sockets.opened(courier);
    this.pumpSoon(courier.lane.site);
  }

  /** The connection is gone. */
  ended(courier: Courier): void {
    const { lane } = courier;
    this.couriers.delete(courier);
    this.#sockets.ended(courier);
    lane.remove(courier);
    for (const cap of courier.caps) {
      cap.couriers.delete(courier);
      for (const site of cap.waiting) this.pumpSoon(site);
      cap.waiting.clear();
    }
    // The outcomes of its mails are on their way to it: they are microtasks of before.
    queueMicrotask(() => {
      if (courier.fruitless) lane.wasFruitless();
    });
    if (this.couriers.size === 0) this.#onEnd?.();
    // Its site may have been replaced by one that waits for the slot.
    const site = this.sites.get(lane.site.spec.key);
    if (site) this.pumpSoon(site);
    else this.#schedule();
  }

  // ---- what sites ask for (SiteWorld)

  limits(source: LaneSource, spec: SiteSpec): LaneLimits {
    return this.#limits.of(source, spec);
  }

  throttle(lane: Lane): void {
    this.#shaping.refresh(lane);
  }

  relays(routeId: number): RouteRelays | undefined {
    return this.routeRelays.of(routeId);
  }
}

const rankOf = ({ urgent, site }: Group, lane: Lane): SocketRank => {
  if (urgent) return 'urgent';
  if (site.connections > 0) return 'further';
  return lane.failing ? 'probe' : 'first';
};
