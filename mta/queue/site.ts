import { chooseSource } from '../routing/sources.ts';
import type { TlsRequirement } from '../routing/tls-policy.ts';
import type { Bucket } from './bucket.ts';
import type { SiteSpec } from './destinations.ts';
import { Group } from './group.ts';
import { Lane, type LaneLimits, type LaneSource } from './lane.ts';
import type { RouteRelays } from './relays.ts';
import { Share } from './share.ts';

const NONE: readonly never[] = [];

/** ms after which a site without mail is forgotten, with what it had learnt */
const FORGET_AFTER = 600_000;

/** Sources by weight; a site asks for those of a pool when the first mail of the pool comes. */
export interface Outlet {
  /** the pool's id, '' without one: the system chooses the address */
  key: string;
  sources: readonly { source: LaneSource; weight: number }[];
}

/** What a site needs of the world around it. */
export interface SiteWorld {
  limits(source: LaneSource, spec: SiteSpec): LaneLimits;
  /** what holds for the lane by the servers' replies */
  throttle(lane: Lane): void;
  /** undefined: the route is gone */
  relays(routeId: number): RouteRelays | undefined;
}

/**
 * A set of hosts that domains share (or one route): the lanes that lead to it, one for each source, and the buckets that wait, in groups by
 * what they need of a connection.
 */
export class Site {
  spec: SiteSpec;
  // Few each, and there may be 100,000 sites: lists are a tenth of maps.
  groups: readonly Group[] = NONE;
  lanes: readonly Lane[] = NONE;
  readonly #world: SiteWorld;
  #before: Site | undefined;
  #usedAt = performance.now();
  #turn = 0;

  /** `before`: the site of before the settings changed; its lanes hand on what they know. */
  constructor(spec: SiteSpec, world: SiteWorld, before?: Site) {
    this.spec = spec;
    this.#world = world;
    this.#before = before;
  }

  /** Domains that share hosts may be known as different providers: the one that is known by name counts. */
  update(spec: SiteSpec): void {
    if (spec === this.spec) return;
    const known = this.spec.profile?.provider;
    if (known !== undefined && known !== 'generic' && known !== spec.profile?.provider) return;
    this.spec = spec;
    if (known === spec.profile?.provider) return;
    for (const lane of this.lanes) {
      lane.follow(this.#world.limits(lane.source, spec));
      this.#world.throttle(lane);
    }
  }

  group(outlet: Outlet, tls: TlsRequirement): Group {
    const key = `${outlet.key} ${tls.key}`;
    let group = this.groups.find((each) => each.key === key);
    if (!group) {
      const shares = outlet.sources.map(({ source, weight }) => new Share(this.#lane(source), weight));
      group = new Group(key, this, tls, shares);
      this.groups = this.groups.concat(group);
      for (const share of shares) share.lane.line(tls).join(group, share);
    }
    return group;
  }

  /** By the source's address. */
  lane(address: string): Lane | undefined {
    return this.lanes.find(({ source }) => source.address === address);
  }

  #lane(source: LaneSource): Lane {
    let lane = this.lane(source.address);
    if (!lane) {
      lane = new Lane(this, source, {
        ...this.#world.limits(source, this.spec),
        before: this.#before?.lane(source.address),
      });
      this.lanes = this.lanes.concat(lane);
      this.#world.throttle(lane);
    }
    return lane;
  }

  add(bucket: Bucket): void {
    this.#usedAt = performance.now();
    bucket.group!.add(bucket);
  }

  get hasWork(): boolean {
    for (const group of this.groups) if (group.busy) return true;
    return false;
  }

  get connections(): number {
    let sum = 0;
    for (const lane of this.lanes) sum += lane.couriers.size;
    return sum;
  }

  /** Nobody has needed it for a while. */
  get forgettable(): boolean {
    return !this.hasWork && performance.now() - this.#usedAt > FORGET_AFTER && this.connections === 0;
  }

  /** The groups that have work, each time another first. */
  groupsInTurn(): readonly Group[] {
    const { groups } = this;
    if (groups.length === 1) return groups[0]!.busy ? groups : NONE;
    this.#turn = (this.#turn + 1) % Math.max(1, groups.length);
    return groups
      .slice(this.#turn)
      .concat(groups.slice(0, this.#turn))
      .filter((group) => group.busy);
  }

  /** It is replaced itself: what was before it is of no more use. */
  forgetBefore(): void {
    this.#before = undefined;
  }

  /** The lane for the group's next connection, by weight among those that may connect now. */
  laneFor(group: Group, now: number, wall: number): Lane | undefined {
    const { shares, urgent, tls } = group;
    const may = shares.filter(
      (share) =>
        !share.lane.block(share.lane.line(tls), urgent, now, wall) && (urgent || share.mayTake(shares, now)),
    );
    if (may.length < 2) return may[0]?.lane;
    return chooseSource(
      // A connection that has just been opened will carry mail, too.
      may.map(({ lane, weight, taken }) => ({
        lane,
        source: lane.source.address,
        weight,
        sent: taken + lane.couriers.size,
      })),
    )?.lane;
  }

  /** Those of its route; undefined: its hosts are MXs. */
  get relays(): RouteRelays | undefined {
    const { routeId } = this.spec;
    return routeId === undefined ? undefined : this.#world.relays(routeId);
  }
}
