import type { Courier } from './courier.ts';
import type { Site } from './site.ts';

/** ms that a connection may be kept busy while sites wait that have none */
const TURN = 30_000;
/** of all connections, how many are kept for mail that cannot wait: one in twenty, 20 at most */
const reserveOf = (limit: number): number => Math.min(20, Math.max(1, Math.floor(limit / 20)));

export interface SocketLimits {
  /** connections of the whole MTA, those that are being opened included */
  open: number;
  /** of them, those that are being opened: a burst fills firewalls' tables, and servers that do not answer hold theirs for half a minute */
  opening: number;
}

/** Who waits for a connection, in the order of who comes first. */
export const SOCKET_RANKS = ['urgent', 'first', 'probe', 'further'] as const;
/**
 * `urgent`: for mail that cannot wait; `first`: the site has none; `probe`: it has none, and its servers did not answer last time; `further`:
 * it has one.
 */
export type SocketRank = (typeof SOCKET_RANKS)[number];

/** Of four connections three are for those that have not failed yet, so that thousands of dead sites keep nobody waiting. */
const TURNS: readonly (readonly SocketRank[])[] = [
  ['first', 'probe', 'further'],
  ['first', 'probe', 'further'],
  ['first', 'probe', 'further'],
  ['probe', 'first', 'further'],
];

/** The connections of the whole MTA, and the sites that wait for one: urgent mail first, then sites in turn. */
export class Sockets {
  readonly #limits: SocketLimits;
  /** when it was begun, monotonic ms; in that order */
  readonly #since = new Map<Courier, number>();
  readonly #opening = new Set<Courier>();
  readonly #waiting: Record<SocketRank, Set<Site>> = {
    urgent: new Set(),
    first: new Set(),
    probe: new Set(),
    further: new Set(),
  };
  #turn = 0;

  constructor(limits: SocketLimits) {
    this.#limits = limits;
  }

  /** `now`: monotonic ms */
  begun(courier: Courier, now: number): void {
    this.#since.set(courier, now);
    this.#opening.add(courier);
  }

  opened(courier: Courier): void {
    this.#opening.delete(courier);
  }

  ended(courier: Courier): void {
    this.#since.delete(courier);
    this.#opening.delete(courier);
  }

  /** No further connection may be opened now; bulk mail leaves the last ones to mail that cannot wait. */
  full(urgent: boolean): boolean {
    const { open, opening } = this.#limits;
    return this.#since.size >= bound(open, urgent) || this.#opening.size >= bound(opening, urgent);
  }

  /** Some of those that are kept for mail that cannot wait are in use. */
  get beyondBulk(): boolean {
    return this.#since.size > bound(this.#limits.open, false);
  }

  /** Somebody waits who is not to be overtaken by this rank. */
  contended(rank: SocketRank): boolean {
    const { urgent, first, probe, further } = this.#waiting;
    if (urgent.size > 0) return true;
    if (rank === 'urgent') return false;
    return first.size + probe.size > 0 || (rank === 'further' && further.size > 0);
  }

  /** It waits for its turn, in the place that it has if it waits already. */
  wait(site: Site, rank: SocketRank): void {
    this.#waiting[rank].add(site);
  }

  waits(site: Site): boolean {
    for (const rank of SOCKET_RANKS) if (this.#waiting[rank].has(site)) return true;
    return false;
  }

  /** Whose turn it is, taken out of the line; undefined: nobody waits, or there is no connection for those who do. */
  next(): Site | undefined {
    if (this.full(true)) return undefined;
    const urgent = this.#take('urgent');
    if (urgent || this.full(false)) return urgent;
    const ranks = TURNS[this.#turn]!;
    for (const rank of ranks) {
      const site = this.#take(rank);
      if (!site) continue;
      this.#turn = (this.#turn + 1) % TURNS.length;
      return site;
    }
    return undefined;
  }

  #take(rank: SocketRank): Site | undefined {
    for (const site of this.#waiting[rank]) {
      this.#waiting[rank].delete(site);
      return site;
    }
    return undefined;
  }

  /**
   * The connections that are to end for those who wait: idle ones, and where sites wait that have none, busy ones that have had their turn. No
   * more than wait. `now`: monotonic ms.
   */
  givingWay(now: number): Courier[] {
    const { urgent, first, probe, further } = this.#waiting;
    const without = urgent.size + first.size + probe.size;
    let wanted = without + further.size;
    // While it is the opening ones that are too many, an end helps nobody.
    if (wanted === 0 || this.#since.size < bound(this.#limits.open, urgent.size > 0)) return [];
    const idle: Courier[] = [];
    const served: Courier[] = [];
    for (const [courier, since] of this.#since) {
      if (courier.stopping) wanted -= 1;
      else if (courier.idle) idle.push(courier);
      else if (!courier.opening && now - since >= TURN) served.push(courier);
    }
    const room = Math.max(0, wanted);
    const turns = Math.max(0, Math.min(room, without) - idle.length);
    return idle.slice(0, room).concat(served.slice(0, turns));
  }

  /** Everything is found anew: nobody waits. */
  forgetWaiting(): void {
    for (const rank of SOCKET_RANKS) this.#waiting[rank].clear();
  }
}

const bound = (limit: number, urgent: boolean): number => (urgent ? limit : limit - reserveOf(limit));
