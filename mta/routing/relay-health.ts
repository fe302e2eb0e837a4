/**
 * Are the relays of the routes there? Each is asked by a session without mail (EHLO, STARTTLS and login as its route says, QUIT): one that failed
 * soon again, so that traffic returns by itself, and one that works when nothing was heard of it for a while. Where mail flows, that is proof enough.
 */
import { openSession } from '../smtp/session.ts';
import type { Timeouts } from '../smtp/types.ts';
import type { RelayHost, RelayStatus } from '../types.ts';
import type { HostTarget } from './types.ts';

const SECOND = 1000;
/** ms to the next check of a relay that is down */
export const DOWN_EVERY = 30 * SECOND;
/** of one of which nothing is known yet: mail is mostly there sooner, and answers the question for nothing */
const UNKNOWN_AFTER = 10 * SECOND;
/** of one that works and has had no mail since */
const QUIET_EVERY = 180 * SECOND;
/** of one that owes replies and says nothing: its machine may have lost power, which no reset tells of */
const SILENT_AFTER = 30 * SECOND;
/** Much shorter than for mail: who needs longer is of no use, and a check must end before the next one. */
const TIMEOUTS: Partial<Timeouts> = {
  connect: 10 * SECOND,
  banner: 20 * SECOND,
  ehlo: 20 * SECOND,
  starttls: 20 * SECOND,
  handshake: 20 * SECOND,
  auth: 20 * SECOND,
};

/** What a check needs to know of a relay. Times are monotonic ms. */
export interface CheckedRelay {
  readonly state: RelayStatus['state'];
  /** last sign of life or failure; for one that is new, since when it is known; -Infinity: it must be asked at once */
  readonly knownAt: number;
  /** it owes a reply to mail */
  readonly awaited: boolean;
}

/** When it is to be checked next, as far as is known now. `downEvery`: ms between checks of one that is down. */
export function nextCheckAt(
  { state, knownAt, awaited }: CheckedRelay,
  downEvery: number = DOWN_EVERY,
): number {
  if (state === 'down') return knownAt + downEvery;
  if (state === 'unknown') return knownAt + UNKNOWN_AFTER;
  return knownAt + (awaited ? SILENT_AFTER : QUIET_EVERY);
}

export type RelayCheck =
  | { ok: true }
  | {
      ok: false;
      error: string;
      /** it said nothing at all; false: it was there and refused the session */
      unreachable: boolean;
      /** our own address could not be bound: nothing is known of the relay */
      bindFailed: boolean;
    };

/** Where a relay is and by which of our addresses it is asked. */
export interface CheckRequest {
  /** its addresses in the order to try */
  targets: readonly HostTarget[];
  relay: RelayHost;
  ehloName: string;
  /** '': the system chooses */
  localAddress: string;
  timeouts?: Partial<Timeouts> | undefined;
}

/** One session without mail; the first address that answers will do. Never rejects. */
export async function checkRelay(request: CheckRequest): Promise<RelayCheck> {
  const { targets, relay, ehloName, localAddress, timeouts } = request;
  let result: RelayCheck = {
    ok: false,
    error: `${relay.host} has no address that can be reached`,
    unreachable: true,
    bindFailed: false,
  };
  for (const { address, port } of targets) {
    const outcome = await openSession({
      host: relay.host,
      address,
      port,
      ehloName,
      localAddress: localAddress || undefined,
      tls: {
        mode: relay.tls ?? 'opportunistic',
        ca: relay.ca,
        clientCertificate: relay.clientCertificate,
      },
      auth: relay.user ? { user: relay.user, password: relay.password ?? '' } : undefined,
      timeouts: { ...TIMEOUTS, ...timeouts },
    });
    if (outcome.ok) {
      void outcome.session.quit();
      return { ok: true };
    }
    const { reply, error, phase, tlsUnmet } = outcome;
    result = {
      ok: false,
      error: reply?.text ?? error ?? 'connection failed',
      unreachable: reply === undefined && tlsUnmet !== true && (phase === 'connect' || phase === 'banner'),
      bindFailed: outcome.bindFailed === true,
    };
  }
  return result;
}

export interface RelayHealthOptions<R extends CheckedRelay> {
  relays(): Iterable<R>;
  /** Never rejects. */
  check(relay: R): Promise<RelayCheck>;
  /** A relay's check is over; `startedAt` in monotonic ms. */
  checked(relay: R, result: RelayCheck, startedAt: number): void;
}

/** Checks relays when their time has come, each by itself, so that one that does not answer keeps none of the others waiting. */
export class RelayHealth<R extends CheckedRelay> {
  readonly #options: RelayHealthOptions<R>;
  readonly #running = new Set<R>();

  constructor(options: RelayHealthOptions<R>) {
    this.#options = options;
  }

  /** Call about once a second. `now`: monotonic ms. */
  tick(now: number, downEvery: number = DOWN_EVERY): void {
    for (const relay of this.#options.relays())
      if (!this.#running.has(relay) && now >= nextCheckAt(relay, downEvery)) void this.#check(relay, now);
  }

  async #check(relay: R, startedAt: number): Promise<void> {
    this.#running.add(relay);
    const result = await this.#options.check(relay);
    this.#running.delete(relay);
    this.#options.checked(relay, result, startedAt);
  }
}
