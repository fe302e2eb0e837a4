import type { TlsRequirement } from '../routing/tls-policy.ts';
import type { Bucket } from './bucket.ts';
import { BULK, type Group } from './group.ts';
import type { Lane } from './lane.ts';
import type { Share } from './share.ts';

const NONE: readonly never[] = [];

/** The part of a lane that one TLS requirement has: the groups whose mail its connections may carry. */
export class Line {
  readonly lane: Lane;
  readonly tls: TlsRequirement;
  groups: readonly Group[] = NONE;
  /** the lane's, in the same order */
  #shares: readonly Share[] = NONE;
  /** TLS as required could not be had, so nothing is tried until then; mail with other requirements is not concerned */
  deadUntil = 0;
  #turn = 0;

  constructor(lane: Lane, tls: TlsRequirement) {
    this.lane = lane;
    this.tls = tls;
  }

  join(group: Group, share: Share): void {
    this.groups = this.groups.concat(group);
    this.#shares = this.#shares.concat(share);
  }

  /**
   * The next bucket in turn: class before class, in a class group after group. `last`: the rank of the last class that may. Bulk mail leaves by
   * each lane as its weight says; other mail by whoever comes first. `now`: monotonic ms.
   */
  next(last: number, now: number): Bucket | undefined {
    const { groups } = this;
    for (let rank = 0; rank <= last; rank += 1)
      for (let n = 0; n < groups.length; n += 1) {
        if (this.#turn >= groups.length) this.#turn = 0;
        const group = groups[this.#turn]!;
        const share = this.#shares[this.#turn]!;
        this.#turn += 1;
        if (rank === BULK && group.hasWork(rank) && group.waits(share, now)) continue;
        const bucket = group.next(rank);
        if (bucket) return bucket;
      }
    return undefined;
  }

  /** A mail of the group was taken; answers whether another lane has waited for that. `now`: monotonic ms. */
  count(group: Group, now: number): boolean {
    return group.shares.length > 1 && group.count(this.#shares[this.groups.indexOf(group)]!, now);
  }

  get hasWork(): boolean {
    for (const group of this.groups) if (group.busy) return true;
    return false;
  }

  get urgent(): boolean {
    for (const group of this.groups) if (group.urgent) return true;
    return false;
  }
}
