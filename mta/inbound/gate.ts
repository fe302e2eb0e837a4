/** Who may come in: pure, by the clock that it is given. */
import { isIPv6 } from 'node:net';
import { type Gcra, gcra } from '../shaping/rate.ts';
import type { InboundLimits, Rate } from './limits.ts';

interface Client {
  open: number;
  /** states of the rules */
  connections: number;
  mails: number;
  errors: number;
}

type Rules = Record<'connections' | 'mails' | 'errors', Gcra>;

const ruleOf = ({ perSecond, burst }: Rate): Gcra => ({ count: perSecond, period: 1000, burst });

export type Admission = 'in' | 'full' | 'too-many' | 'too-fast' | 'too-many-errors';

export class Gate {
  readonly #limits: InboundLimits;
  readonly #rules: Rules;
  readonly #clients = new Map<string, Client>();
  #open = 0;

  constructor(limits: InboundLimits) {
    this.#limits = limits;
    this.#rules = {
      connections: ruleOf(limits.connectionRate),
      mails: ruleOf(limits.mailRate),
      errors: ruleOf(limits.errorRate),
    };
  }

  /** `full`: all sessions are taken, by others too. Everything but `in` leaves nothing to give back. */
  enter(address: string, now: number): Admission {
    const client = this.#client(address);
    const { connectionsPerClient, connections } = this.#limits;
    if (client.open >= connectionsPerClient) return 'too-many';
    if (!gcra(this.#rules.errors, client.errors, now).allowed) return 'too-many-errors';
    if (!this.#take(client, 'connections', now)) return 'too-fast';
    if (this.#open >= connections) return 'full';
    client.open += 1;
    this.#open += 1;
    return 'in';
  }

  leave(address: string): void {
    this.#client(address).open -= 1;
    this.#open -= 1;
  }

  /** May this client hand over one mail more now? */
  mail(address: string, now: number): boolean {
    return this.#take(this.#client(address), 'mails', now);
  }

  error(address: string, now: number): void {
    this.#take(this.#client(address), 'errors', now);
  }

  get open(): number {
    return this.#open;
  }

  /** Forgets clients that have no session and nothing against them. */
  tidy(now: number): void {
    for (const [key, { open, connections, mails, errors }] of this.#clients)
      if (open === 0 && Math.max(connections, mails, errors) <= now) this.#clients.delete(key);
  }

  get clients(): number {
    return this.#clients.size;
  }

  #take(client: Client, what: keyof Rules, now: number): boolean {
    const decision = gcra(this.#rules[what], client[what], now);
    if (decision.allowed) client[what] = decision.state;
    return decision.allowed;
  }

  #client(address: string): Client {
    const key = clientOf(address);
    let client = this.#clients.get(key);
    if (!client) {
      client = { open: 0, connections: 0, mails: 0, errors: 0 };
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
