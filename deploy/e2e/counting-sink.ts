import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

/** Accepts everything and counts it: what it has seen is what a remote server would have delivered. */
export interface CountingSink {
  port: number;
  /** recipient → Message-IDs, in the order of arrival */
  accepted: Map<string, string[]>;
  /** mails accepted in all */
  readonly total: number;
  /** resolves when that many were accepted */
  reached(total: number): Promise<void>;
  /** resolves when no connection is open, so that nothing buffered can still be accepted */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

export async function startCountingSink(): Promise<CountingSink> {
  const accepted = new Map<string, string[]>();
  let total = 0;
  const waiting: { total: number; resolve: () => void }[] = [];
  const idle: (() => void)[] = [];
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    logger: false,
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const messageId =
          /^message-id:\s*(<[^>]+>)/im.exec(Buffer.concat(chunks).toString('latin1'))?.[1] ?? '';
        for (const { address } of session.envelope.rcptTo) {
          accepted.set(address, [...(accepted.get(address) ?? []), messageId]);
        }
        total += 1;
        for (const each of waiting) if (total >= each.total) each.resolve();
        done();
      });
    },
    onClose: () => {
      // The connection leaves the set after this hook.
      setImmediate(() => {
        if (server.connections.size === 0) for (const resolve of idle.splice(0)) resolve();
      });
    },
  });
  // Clients that are killed reset their connections.
  server.on('error', () => {});
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  return {
    port: (server.server.address() as AddressInfo).port,
    accepted,
    get total() {
      return total;
    },
    reached: (wanted) =>
      new Promise((resolve) => {
        if (total >= wanted) resolve();
        else waiting.push({ total: wanted, resolve });
      }),
    idle: () =>
      new Promise((resolve) => {
        if (server.connections.size === 0) resolve();
        else idle.push(resolve);
      }),
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
