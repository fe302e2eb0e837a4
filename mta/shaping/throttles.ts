/**
 * The back-offs that hold: in memory for the lanes, in spool.db so that a restart forgets none. A longer one is never shortened by a later
 * shorter one, nor a stricter one loosened while it holds.
 */
import type { Throttle } from '../types.ts';
import type { BackOffHit } from './back-off.ts';

/** How they are kept (spool/throttles.ts). */
export interface ThrottleWriter {
  /** Answers its id; one of the same kind, source, site, provider and sending domain is replaced. */
  save(throttle: Throttle): number;
  /** Removes those that are over at `now` (epoch ms). */
  removeOver(now: number): void;
}

export interface LaneName {
  /** '' when the system chooses the address */
  source: string;
  /** the site's key; '' for all the provider's sites of the source, where it counts over all of them */
  site: string;
  provider: string;
}

/** What holds for a lane now. */
export interface LaneThrottle {
  /** epoch ms, Infinity: until it is lifted; 0: it is not suspended */
  suspendedUntil: number;
  /** messages per minute, undefined: as the profile says */
  perMinute: number | undefined;
  connections: number | undefined;
  /** what of it holds for all the provider's sites of the source together */
  together: { perMinute: number | undefined; connections: number | undefined };
  /** the throttles behind it, for the status */
  causes: readonly Throttle[];
}

const UNLIMITED = { perMinute: undefined, connections: undefined };
const FREE: LaneThrottle = { suspendedUntil: 0, ...UNLIMITED, together: UNLIMITED, causes: [] };
const ENDLESS = Number.POSITIVE_INFINITY;
/** ms: a crowd of refusals within a second is one, or each would be written to disk */
const SAME = 1000;

export class Throttles {
  readonly #writer: ThrottleWriter;
  /** by what is unique of them */
  readonly #active = new Map<string, Throttle>();
  readonly #lanes = new Map<string, LaneThrottle>();
  /** not on disk yet, as it could not be written */
  readonly #unsaved = new Set<string>();
  #someOver = true;

  constructor(writer: ThrottleWriter) {
    this.#writer = writer;
  }

  /**
   * What spool.db has, at the start and whenever the server has changed it. Answers what was lifted: its lanes' `BackOff` should forget.
   */
  load(rows: readonly Throttle[]): Throttle[] {
    const found = new Map(rows.map((row) => [keyOf(row), row]));
    const lifted = [...this.#active].filter(([key]) => !found.has(key) && !this.#unsaved.has(key));
    for (const [key] of lifted) this.#active.delete(key);
    for (const [key, row] of found) if (!this.#active.has(key)) this.#active.set(key, row);
    this.#lanes.clear();
    return lifted.map(([, throttle]) => throttle);
  }

  /**
   * A trigger has tripped: keeps what it brings about. Answers the throttles that are new or have changed; `reconnect` and `recipient-only`
   * last no time and give none.
   */
  apply(hit: BackOffHit, lane: LaneName, sendingDomain: string): Throttle[] {
    return throttlesOf(hit, lane, sendingDomain).flatMap((next) => {
      const key = keyOf(next);
      const merged = merge(this.#active.get(key), next);
      if (merged === undefined) return [];
      this.#active.set(key, merged);
      this.#unsaved.add(key);
      if (lane.site === '') this.#lanes.clear();
      else this.#lanes.delete(laneKey(lane));
      return [merged];
    });
  }

  /** Writes what has changed since the last time, if anything has; when it throws, that stays to be written. */
  flush(now: number): void {
    for (const key of this.#unsaved) {
      const throttle = this.#active.get(key);
      if (throttle) throttle.id = this.#writer.save(throttle);
      this.#unsaved.delete(key);
    }
    if (!this.#someOver) return;
    this.#writer.removeOver(now);
    this.#someOver = false;
  }

  /** What holds for the lane of a site, by itself or with all of its provider's. `now` in epoch ms. */
  lane(lane: LaneName, now: number): LaneThrottle {
    if (this.#active.size === 0) return FREE;
    const key = laneKey(lane);
    let found = this.#lanes.get(key);
    if (!found || found.causes.some((cause) => isOver(cause, now))) {
      found = this.#ofLane(lane, now);
      this.#lanes.set(key, found);
    }
    return found;
  }

  /** Mail from this domain to this provider waits, and why. */
  pausedDomain(provider: string, sendingDomain: string, now: number): Throttle | undefined {
    if (this.#active.size === 0) return undefined;
    const found = this.#active.get(
      keyOf({ kind: 'sending-domain', source: '', site: '', provider, sendingDomain }),
    );
    return found && !isOver(found, now) ? found : undefined;
  }

  /**
   * To be called once a second or so: forgets what is over and sees to a clock that was set back, which must not make an hour of rest into a
   * year. Answers those throttles, whose lanes need another look.
   */
  tick(now: number): Throttle[] {
    const changed: Throttle[] = [];
    for (const [key, throttle] of this.#active) {
      if (isOver(throttle, now)) {
        this.#active.delete(key);
        this.#unsaved.delete(key);
        changed.push(throttle);
      } else if (throttle.since > now) {
        const until = throttle.until === null ? null : throttle.until - (throttle.since - now);
        const moved = { ...throttle, since: now, until };
        this.#active.set(key, moved);
        this.#unsaved.add(key);
        changed.push(moved);
      } else continue;
      this.#someOver = true;
      this.#lanes.clear();
    }
    return changed;
  }

  /** All that hold, as they were after the last `tick`. */
  all(): Throttle[] {
    return [...this.#active.values()];
  }

  #ofLane(lane: LaneName, now: number): LaneThrottle {
    const causes = [...this.#active.values()].filter((each) => holdsFor(each, lane) && !isOver(each, now));
    if (causes.length === 0) return FREE;
    const suspended = causes.filter(({ kind }) => kind === 'suspend');
    return {
      suspendedUntil: Math.max(0, ...suspended.map(({ until }) => until ?? ENDLESS)),
      ...limitsOf(causes),
      together: limitsOf(causes.filter(({ site }) => site === '')),
      causes,
    };
  }
}

/** Does the throttle hold for this lane? (None of a sending domain's: those hold for its mail.) */
export const holdsFor = (
  { kind, source, site, provider }: Pick<Throttle, 'kind' | keyof LaneName>,
  lane: LaneName,
): boolean =>
  kind !== 'sending-domain' &&
  source === lane.source &&
  (site === '' ? provider === lane.provider : site === lane.site);

const limitsOf = (causes: readonly Throttle[]): LaneThrottle['together'] => ({
  perMinute: least(causes.map(({ perMinute }) => perMinute)),
  connections: least(causes.map(({ connections }) => connections)),
});

function throttlesOf(hit: BackOffHit, lane: LaneName, sendingDomain: string): Throttle[] {
  const { action, since, until, trigger, times, reply } = hit;
  const base = { id: 0, since, until, trigger, times, reply, perMinute: null, connections: null };
  const here = { ...base, ...lane, sendingDomain: '' };
  switch (action.type) {
    case 'suspend':
      return [{ ...here, kind: 'suspend' }];
    case 'rate':
      return [
        { ...here, kind: 'rate', perMinute: action.perMinute, connections: action.connections ?? null },
      ];
    case 'connections':
      return [{ ...here, kind: 'connections', connections: action.count }];
    case 'pause-sending-domain':
      return [
        { ...base, kind: 'sending-domain', source: '', site: '', provider: lane.provider, sendingDomain },
      ];
    case 'reconnect':
    case 'recipient-only':
      return [];
  }
}

/** What holds when `next` comes while `current` does; undefined: nothing changes. Pure. */
export function merge(current: Throttle | undefined, next: Throttle): Throttle | undefined {
  if (!current || isOver(current, next.since)) return next;
  const perMinute = least([current.perMinute, next.perMinute]) ?? null;
  const connections = least([current.connections, next.connections]) ?? null;
  const longer = (next.until ?? ENDLESS) >= (current.until ?? ENDLESS) + SAME && current.until !== null;
  if (!longer && perMinute === current.perMinute && connections === current.connections) return undefined;
  // The longer one is the one to show.
  const shown = longer ? { ...next, since: current.since } : current;
  return { ...shown, id: current.id, perMinute, connections };
}

const isOver = ({ until }: Throttle, now: number): boolean => until !== null && until <= now;

function least(values: readonly (number | null)[]): number | undefined {
  const numbers = values.filter((value): value is number => value !== null);
  return numbers.length === 0 ? undefined : Math.min(...numbers);
}

const keyOf = ({
  kind,
  source,
  site,
  provider,
  sendingDomain,
}: Pick<Throttle, 'kind' | 'source' | 'site' | 'provider' | 'sendingDomain'>): string =>
  [kind, source, site, provider, sendingDomain].join(' ');
const laneKey = ({ source, site, provider }: LaneName): string => `${source} ${site} ${provider}`;
