import type { WarmUpCounter } from '../routing/warm-up.ts';
import { WarmUps } from '../routing/warm-up.ts';
import {
  BackOff,
  type BackOffHit,
  type ConnectionFailure,
  type ShapingVerdict,
} from '../shaping/back-off.ts';
import type { Profile } from '../shaping/profiles.ts';
import { holdsFor, type LaneName, Throttles } from '../shaping/throttles.ts';
import type { ThrottleStore } from '../spool/throttles.ts';
import type { WarmUpStore } from '../spool/warm-ups.ts';
import type { DeliverySettings, Throttle } from '../types.ts';
import type { Lane } from './lane.ts';

/** `reconnect`: the connection should end; `recipient-only`: the reply spoke of one mailbox and says nothing of the server. */
export type AtOnce = 'reconnect' | 'recipient-only';

/** What replies have brought about, for the queue. */
export interface ShapingOwner {
  lanes(): Iterable<Lane>;
  /** a sending domain was paused or goes on */
  sendingDomainChanged(): void;
  /** the lane's mail may flow again */
  laneFree(lane: Lane): void;
}

/** Connects the lanes with what is learnt from replies, and keeps it on disk: back-offs and the counts of warming sources. */
export class Shaping {
  readonly throttles: Throttles;
  readonly warmUps = new WarmUps();
  readonly #throttleStore: ThrottleStore;
  readonly #warmUpStore: WarmUpStore;
  /** with the profile that it was told last; made with the first reply that is no delivery */
  readonly #backOffs = new Map<string, { backOff: BackOff; profile: Profile }>();
  readonly #owner: ShapingOwner;

  constructor(throttleStore: ThrottleStore, warmUpStore: WarmUpStore, owner: ShapingOwner) {
    this.#throttleStore = throttleStore;
    this.#warmUpStore = warmUpStore;
    this.throttles = new Throttles(throttleStore);
    this.#owner = owner;
  }

  /** At the start, and whenever the settings have changed. */
  apply({ pools = [], timeZone }: DeliverySettings): void {
    this.warmUps.configure(pools, timeZone);
    this.reload();
  }

  /** The server has lifted a back-off or reset a warm-up. */
  reload(): void {
    const lifted = this.throttles.load(this.#throttleStore.load(Date.now()));
    for (const throttle of lifted) this.#backOffs.get(keyOf(throttle))?.backOff.forget();
    this.warmUps.load(this.#warmUpStore.load());
    this.#refreshAll(lifted);
  }

  /** Called about once a second: what is over ends. */
  tick(now: number): void {
    const over = this.throttles.tick(now);
    if (over.length > 0) this.#refreshAll(over);
  }

  /** Writes what has changed; in the wake of a group commit, so that the disk is known to take it. */
  flush(): void {
    this.throttles.flush(Date.now());
    this.warmUps.flush(this.#warmUpStore);
  }

  /** Forgets what was counted for lanes that are gone. */
  tidy(): void {
    const counted = new Set<string>();
    for (const lane of this.#owner.lanes()) if (lane.profile) counted.add(keyOf(countedAs(lane)));
    for (const key of this.#backOffs.keys()) if (!counted.has(key)) this.#backOffs.delete(key);
  }

  warming(source: string, provider: string): WarmUpCounter | undefined {
    return this.warmUps.counter(source, provider);
  }

  /** A verdict of the lane's servers; answers what is to be done at once, beside what it brings about for a time. */
  observe(lane: Lane, verdict: ShapingVerdict, sendingDomain: string): AtOnce | undefined {
    const { profile } = lane;
    if (!profile || (verdict.kind === 'delivered' && profile.unknownUserShare === undefined))
      return undefined;
    return this.#apply(lane, this.#backOff(lane).observe(verdict, Date.now()), sendingDomain);
  }

  /** No server could be reached, or a connection was lost in the middle of a mail. */
  connectionFailed(lane: Lane, failure: ConnectionFailure): void {
    if (!lane.profile) return;
    this.#apply(lane, this.#backOff(lane).connectionFailed(failure, Date.now()), '');
  }

  /** Tells the lane what holds for it. */
  refresh(lane: Lane): void {
    const now = Date.now();
    const throttle = lane.profile && this.throttles.lane(nameOf(lane), now);
    lane.throttled(throttle?.causes.length ? throttle : undefined, now);
  }

  #backOff(lane: Lane): BackOff {
    const key = keyOf(countedAs(lane));
    const profile = lane.profile!;
    let known = this.#backOffs.get(key);
    if (!known) {
      known = { backOff: new BackOff(profile), profile };
      this.#backOffs.set(key, known);
    } else if (known.profile !== profile) {
      known.backOff.profile = profile;
      known.profile = profile;
    }
    return known.backOff;
  }

  #apply(lane: Lane, hits: readonly BackOffHit[], sendingDomain: string): AtOnce | undefined {
    let atOnce: AtOnce | undefined;
    for (const hit of hits) {
      const { type } = hit.action;
      if (type === 'reconnect' || type === 'recipient-only') atOnce = type;
      // What was lost without a mail of somebody's is nobody's doing.
      if (hit.action.type === 'pause-sending-domain' && sendingDomain === '') continue;
      const name = countedAs(lane);
      const changed = this.throttles.apply(hit, name, sendingDomain);
      if (changed.length === 0) continue;
      if (name.site === '') for (const each of this.#lanesUnder(changed)) this.refresh(each);
      else this.refresh(lane);
      if (changed.some(({ kind }) => kind === 'sending-domain')) this.#owner.sendingDomainChanged();
    }
    return atOnce;
  }

  #refreshAll(changed: readonly Throttle[]): void {
    if (changed.length === 0) return;
    for (const lane of this.#lanesUnder(changed)) {
      this.refresh(lane);
      this.#owner.laneFree(lane);
    }
    if (changed.some(({ kind }) => kind === 'sending-domain')) this.#owner.sendingDomainChanged();
  }

  *#lanesUnder(throttles: readonly Throttle[]): Generator<Lane> {
    for (const lane of this.#owner.lanes()) {
      if (!lane.profile) continue;
      const name = nameOf(lane);
      if (throttles.some((throttle) => holdsFor(throttle, name))) yield lane;
    }
  }
}

const nameOf = ({ source, site, profile }: Lane): LaneName => ({
  source: source.address,
  site: site.spec.key,
  provider: profile!.provider,
});

/** As which its replies count, and what a back-off of it holds for: a provider that counts by source does so over all its sites. */
const countedAs = (lane: Lane): LaneName =>
  lane.profile!.providerWide ? { ...nameOf(lane), site: '' } : nameOf(lane);

const keyOf = ({ source, site, provider }: LaneName): string =>
  site === '' ? `${source} all of ${provider}` : `${source} ${site}`;
