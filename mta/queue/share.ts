import type { Lane } from './lane.ts';
import { Sharer } from './sharing.ts';

/** A lane that a group's mail may leave by, and how much of it. */
export class Share extends Sharer {
  readonly lane: Lane;
  /** ≥ 1 */
  readonly weight: number;

  constructor(lane: Lane, weight: number) {
    super();
    this.lane = lane;
    this.weight = weight;
  }

  /** Not while it is out, suspended or slowed, or its day's warm-up is done. */
  protected able(): boolean {
    const { lane } = this;
    return lane.mayCarry && !lane.slowed && !lane.warming?.full;
  }
}
