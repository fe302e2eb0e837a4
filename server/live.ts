/**
 * Pushes what moves to every open screen, over server-sent events. Each client has a bounded buffer: while its
 * connection is slow only the newest state of each thing is kept, since every event carries a whole state.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Scope } from './auth/permissions.ts';
import type { LiveEvent } from './events.ts';

const HEARTBEAT_MS = 15_000;
/** bytes not yet taken by the socket, above which a client counts as slow */
const SLOW_BYTES = 64 * 1024;
/** things in motion at a time that a slow client is told of once it can read again */
const MAX_PENDING = 200;

const NEEDS: Record<LiveEvent['type'], Scope> = {
  import: 'audience:read',
  campaign: 'campaigns:read',
  queues: 'deliveries:read',
  webhook: 'webhooks:manage',
};

interface Client {
  userId: number;
  sessionHash: string;
  scopes: readonly Scope[];
  write(text: string): void;
  buffered(): number;
  end(): void;
  /** newest event of each thing while the client is slow */
  pending: Map<string, LiveEvent>;
}

export class LiveHub {
  readonly #clients = new Set<Client>();
  readonly #heartbeat: NodeJS.Timeout;
  readonly #stillValid: (sessionHash: string) => boolean;

  /** `stillValid` is asked with each heartbeat: a screen left open must not outlive its login. */
  constructor(options: { stillValid(sessionHash: string): boolean }) {
    this.#stillValid = options.stillValid;
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS).unref();
  }

  /** Whether somebody looks at events of this kind: what nobody sees need not be computed. */
  wants(type: LiveEvent['type']): boolean {
    for (const client of this.#clients) if (client.scopes.includes(NEEDS[type])) return true;
    return false;
  }

  publish(event: LiveEvent): void {
    let text: string | undefined;
    for (const client of this.#clients) {
      if (!client.scopes.includes(NEEDS[event.type])) continue;
      if (client.buffered() > SLOW_BYTES || client.pending.size > 0) {
        const key = keyOf(event);
        if (client.pending.size < MAX_PENDING || client.pending.has(key)) client.pending.set(key, event);
        continue;
      }
      text ??= frame(event);
      client.write(text);
    }
  }

  /** Answers the request with a stream that lasts until the client, its session or the process ends. */
  connect(request: FastifyRequest, reply: FastifyReply): void {
    const { actor } = request;
    if (!actor) throw new Error('the events stream needs a login');
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // nginx would hold events back
      'x-accel-buffering': 'no',
    });
    const client: Client = {
      userId: actor.id,
      sessionHash: request.sessionHash,
      scopes: actor.scopes,
      write: (text) => raw.write(text),
      buffered: () => raw.writableLength,
      end: () => {
        // Not when the connection has closed: a slow one takes a while, and a write after the end would be an error.
        this.#clients.delete(client);
        client.pending.clear();
        raw.end();
      },
      pending: new Map(),
    };
    // EventSource waits this long before it connects again.
    client.write('retry: 2000\n\n');
    this.#clients.add(client);
    raw.on('drain', () => {
      for (const [key, event] of client.pending) {
        if (client.buffered() > SLOW_BYTES) return;
        client.pending.delete(key);
        client.write(frame(event));
      }
    });
    raw.once('close', () => this.#clients.delete(client));
  }

  /** Ends the streams of sessions that were ended. */
  recheck(): void {
    for (const client of this.#clients) if (!this.#stillValid(client.sessionHash)) client.end();
  }

  /** The user's role has changed: the screen connects again, with the new scopes. */
  reconnect(userId: number): void {
    for (const client of this.#clients) if (client.userId === userId) client.end();
  }

  close(): void {
    clearInterval(this.#heartbeat);
    for (const client of this.#clients) client.end();
  }

  #beat(): void {
    this.recheck();
    for (const client of this.#clients) if (client.buffered() <= SLOW_BYTES) client.write(': still here\n\n');
  }
}

function frame(event: LiveEvent): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event.data)}\n\n`;
}

function keyOf(event: LiveEvent): string {
  return event.type === 'queues' ? event.type : `${event.type}:${event.data.id}`;
}
