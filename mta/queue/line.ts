import type { TlsRequirement } from '../routing/tls-policy.ts';
import type { Bucket } from './bucket.ts';
import type { Group } from './group.ts';
import type { Lane } from './lane.ts';

/** The part of a lane that one TLS requirement has: the groups whose mail its connections may carry. */
export class Line {
  readonly lane: Lane;
  readonly tls: TlsRequirement;
  readonly groups: Group[] = [];
  /** TLS as required could not be had, so nothing is tried until then; mail with other requirements is not concerned */
  deadUntil = 0;
  #turn = 0;

  constructor(lane: Lane, tls: TlsRequirement) {
    this.lane = lane;
    this.tls = tls;
  }

  /** The next bucket in turn: class before class, in a class group after group. `last`: the rank of the last class that may. */
  next(last: number): Bucket | undefined {
    const { groups } = this;
    for (let rank = 0; rank <= last; rank += 1)
      for (let n = 0; n < groups.length; n += 1) {
        if (this.#turn >= groups.length) this.#turn = 0;
        const bucket = groups[this.#turn]!.next(rank);
        this.#turn += 1;
        if (bucket) return bucket;
      }
    return undefined;
  }

  get urgent(): boolean {
    for (const group of this.groups) if (group.urgent) return true;
    return false;
  }
}
