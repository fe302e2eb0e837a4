import type { CheckedRelay } from '../routing/relay-health.ts';
import type { SendOutcome } from '../smtp/types.ts';
import type { RelayHost, RelayStatus } from '../types.ts';
import type { LaneSource } from './lane.ts';
import { RateLimit } from './rate-limit.ts';
import { Sharer } from './sharing.ts';
import { Throughput } from './throughput.ts';

/** Parallel connections of a relay whose route says nothing else. */
export const RELAY_CONNECTIONS = 20;
/** It only bounds how long one connection lives. */
export const RELAY_MESSAGES = 1000;

/** of a relay's pace, how much the latest mail counts */
const LATEST = 1 / 16;

/**
 * What an outcome says against the relay rather than the mail: the connection ended (with a 421 or without a word), or the relay says itself
 * that it takes no mail now (`itself`): its disk is full (RFC 3463 X.3.1) or it is being maintained (X.3.2).
 */
export function troubleOf(outcome: SendOutcome): { text: string; itself: boolean } | undefined {
  if (outcome.kind === 'lost') return { text: outcome.reply?.text ?? outcome.error, itself: false };
  if (outcome.kind !== 'refused') return undefined;
  const { code, status, text } = outcome.reply;
  if (code === 421) return { text, itself: false };
  return code < 500 && (status === '4.3.1' || status === '4.3.2') ? { text, itself: true } : undefined;
}

export interface RelayEvents {
  /** It is up now, or down. */
  changed(relay: RelayState): void;
}

/** One relay host of a route: its own limits, its share, and how it is. Times are monotonic ms unless they say otherwise. */
export class RelayState extends Sharer implements CheckedRelay {
  readonly routeId: number;
  host: RelayHost;
  state: RelayStatus['state'] = 'unknown';
  /** epoch ms of the last change of state */
  since: number;
  error = '';
  knownAt: number;
  /** connections, those that are still being opened included */
  connections = 0;
  /** those that are open, and mails that wait for a reply there */
  established = 0;
  awaiting = 0;
  /** whose connections reach it: a check goes the same way */
  via: LaneSource | undefined;
  /** ms for a mail lately, 0: not known */
  pace = 0;
  /** set by its route: it is so much slower than another that none waits for it */
  lagging = false;
  readonly rate: RateLimit;
  readonly throughput = new Throughput();
  readonly #events: RelayEvents;

  /** `now`: monotonic ms */
  constructor(routeId: number, host: RelayHost, now: number, events: RelayEvents) {
    super();
    this.routeId = routeId;
    this.host = host;
    this.since = Date.now();
    this.knownAt = now;
    this.#events = events;
    this.rate = new RateLimit(host.ratePerSecond, 1000);
  }

  /** The route is new. What was known of the relay is only true of the same login and TLS: with others it is checked at once. */
  update(host: RelayHost): void {
    const reached = ({ tls, user, password, ca, clientCertificate }: RelayHost): string =>
      JSON.stringify([tls, user, password, ca, clientCertificate]);
    const same = reached(host) === reached(this.host);
    this.host = host;
    this.rate.set(host.ratePerSecond, 1000);
    if (same) return;
    this.state = 'unknown';
    this.since = Date.now();
    this.error = '';
    this.knownAt = Number.NEGATIVE_INFINITY;
  }

  get weight(): number {
    return this.host.weight || 1;
  }

  /** Only for when no other is up. */
  get spare(): boolean {
    return this.host.weight === 0;
  }

  get limit(): number {
    return this.host.connections ?? RELAY_CONNECTIONS;
  }

  get full(): boolean {
    return this.connections >= this.limit;
  }

  get messages(): number {
    return this.host.messagesPerConnection ?? RELAY_MESSAGES;
  }

  get awaited(): boolean {
    return this.awaiting > 0;
  }

  /** A session or a mail has shown that it works. */
  up(): void {
    this.#now('up', '');
  }

  /** An address of it could not be reached, refused the session, or let go of its last connection. While connections are open it works. */
  failed(error: string): void {
    if (this.established === 0) this.down(error);
  }

  down(error: string): void {
    this.#now('down', error);
  }

  /** Nothing was learnt by a check that could not be made. */
  notChecked(now: number): void {
    this.knownAt = now;
  }

  /** It has given a mail its verdict, after `ms`. */
  answered(ms: number, now: number): void {
    this.knownAt = now;
    this.pace = this.pace === 0 ? ms : this.pace + (ms - this.pace) * LATEST;
  }

  protected able(now: number): boolean {
    return this.state !== 'down' && !this.lagging && this.rate.wait(now) === 0;
  }

  #now(state: 'up' | 'down', error: string): void {
    this.error = error;
    this.knownAt = performance.now();
    if (this.state === state) return;
    this.state = state;
    this.since = Date.now();
    this.#events.changed(this);
  }

  /** `wall`: epoch ms; `now`: monotonic */
  status(wall: number, now: number): RelayStatus {
    const { routeId, state, since, error, connections } = this;
    const { host, port } = this.host;
    const checkedAt = state === 'unknown' ? null : Math.round(wall - (now - this.knownAt));
    return {
      routeId,
      host,
      port,
      state,
      since,
      error,
      checkedAt,
      connections,
      perSecond: this.throughput.perSecond(wall),
    };
  }
}
