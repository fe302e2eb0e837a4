/** Who may come in: pure, by the clock that it is given. */
import { isIPv6 } from 'node:net';
import type { InboundLimits, Rate } from './limits.ts';

/** Fills evenly up to its burst; each use takes one. */
class Bucket {
  #left: number;
  #at: number;

  constructor(rate: Rate, now: number) {
    this.#left = rate.burst;
    this.#at = now;
  }

  left(rate: Rate, now: number): number {
    this.#left = Math.min(rate.burst, this.#left + ((now - this.#at) / 1000) * rate.perSecond);
    this.#at = now;
    return this.#left;
  }

  take(rate: Rate, now: number): boolean {
    if (this.left(rate, now) < 1) return false;
    this.#left -= 1;
    return true;
  }
}

interface Client {
  open: number;
  connections: Bucket;
  mails: Bucket;
  errors: Bucket;
}

export type Admission = 'in' | 'full' | 'too-many' | 'too-fast' | 'too-many-errors';

export class Gate {
  readonly #limits: InboundLimits;
  readonly #clients = new Map<string, Client>();
  #open = 0;

  constructor(limits: InboundLimits) {
    this.#limits = limits;
  }

  /** `full`: all sessions are taken, by others too. Everything but `in` leaves nothing to give back. */
  enter(address: string, now: number): Admission {
    const client = this.#client(address, now);
    const { connectionsPerClient, connectionRate, errorRate, connections } = this.#limits;
    if (client.open >= connectionsPerClient) return 'too-many';
    if (client.errors.left(errorRate, now) < 1) return 'too-many-errors';
    if (!client.connections.take(connectionRate, now)) return 'too-fast';
    if (this.#open >= connections) return 'full';
    client.open += 1;
    this.#open += 1;
    return 'in';
  }

  leave(address: string, now: number): void {
    this.#client(address, now).open -= 1;
    this.#open -= 1;
  }

  /** May this client hand over one mail more now? */
  mail(address: string, now: number): boolean {
    return this.#client(address, now).mails.take(this.#limits.mailRate, now);
  }

  error(address: string, now: number): void {
    this.#client(address, now).errors.take(this.#limits.errorRate, now);
  }

  get open(): number {
    return this.#open;
  }

  /** Forgets clients that have no session and nothing against them. */
  tidy(now: number): void {
    const { connectionRate, mailRate, errorRate } = this.#limits;
    for (const [key, client] of this.#clients) {
      const rested =
        client.open === 0 &&
        client.connections.left(connectionRate, now) >= connectionRate.burst &&
        client.mails.left(mailRate, now) >= mailRate.burst &&
        client.errors.left(errorRate, now) >= errorRate.burst;
      if (rested) this.#clients.delete(key);
    }
  }

  get clients(): number {
    return this.#clients.size;
  }

  #client(address: string, now: number): Client {
    const key = clientOf(address);
    let client = this.#clients.get(key);
    if (!client) {
      const { connectionRate, mailRate, errorRate } = this.#limits;
      client = {
        open: 0,
        connections: new Bucket(connectionRate, now),
        mails: new Bucket(mailRate, now),
        errors: new Bucket(errorRate, now),
      };
      this.#clients.set(key, client);
    }
    return client;
  }
}

/** An IPv6 customer has a whole /64 (RFC 6177): all of it is one client. */
export function clientOf(address: string): string {
  if (!isIPv6(address)) return address;
  if (address.startsWith('::ffff:')) return address.slice(7);
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? 0 : tail.split(':').length;
  if (tail !== undefined) while (groups.length < 4 && groups.length + after < 8) groups.push('0');
  return `${[...groups, ...(tail ?? '').split(':')].slice(0, 4).join(':')}::/64`;
}
