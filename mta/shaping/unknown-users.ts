/** ms: the share is that of the last hour, in slices of five minutes */
const SLICE = 300_000;
const SLICES = 12;
/** Below this many recipients a share says nothing: at 3 % one unknown user among 20 would be too many. */
export const MINIMUM_SAMPLE = 100;

export interface Share {
  unknown: number;
  answered: number;
  /** 0…1 */
  share: number;
}

/** The rolling share of unknown users among the recipients that a lane's servers gave a final answer about. */
export class UnknownUsers {
  /** by slice of time: its number, then counts; a slot is used again an hour later */
  readonly #slots = Array.from({ length: SLICES }, () => ({ slice: -1, answered: 0, unknown: 0 }));

  /** `now` in epoch ms. Answers the share with this one, undefined while the sample is too small. */
  count(unknown: boolean, now: number): Share | undefined {
    const slice = Math.floor(now / SLICE);
    const slot = this.#slots[slice % SLICES]!;
    if (slot.slice !== slice) {
      slot.slice = slice;
      slot.answered = 0;
      slot.unknown = 0;
    }
    slot.answered += 1;
    if (!unknown) return undefined;
    slot.unknown += 1;
    return this.#share(slice);
  }

  clear(): void {
    for (const slot of this.#slots) slot.slice = -1;
  }

  #share(slice: number): Share | undefined {
    let answered = 0;
    let unknown = 0;
    for (const slot of this.#slots) {
      // A clock that was set back leaves slices of the future: they count for nothing.
      if (slot.slice <= slice - SLICES || slot.slice > slice) continue;
      answered += slot.answered;
      unknown += slot.unknown;
    }
    return answered < MINIMUM_SAMPLE ? undefined : { unknown, answered, share: unknown / answered };
  }
}
