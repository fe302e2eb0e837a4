import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Accepted {
  recipient: string;
  messageId: string;
}

export interface ObedientPeer {
  port: number;
  /** every message taken, in order, once for each time; survives kill -9 of this process and of the MTA */
  accepted(): Accepted[];
  /** resolves when no connection is open, so that nothing buffered can still be taken */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * An SMTP server in a process of its own that does what the address says (obedient-order.ts) and remembers what it
 * took. `logFile`: appended to and kept; without it the record lives as long as the peer.
 */
export async function startObedientPeer(
  options: { port?: number; logFile?: string; tls?: boolean } = {},
): Promise<ObedientPeer> {
  const folder = options.logFile === undefined ? mkdtempSync(join(tmpdir(), 'todoke-peer-')) : undefined;
  const logFile = options.logFile ?? join(folder!, 'accepted.tsv');
  const child = fork(fileURLToPath(import.meta.resolve('./obedient-server.ts')), [
    String(options.port ?? 0),
    logFile,
    options.tls === true ? 'tls' : '',
  ]);
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve((message as { port: number }).port));
    child.once('exit', (code) => reject(new Error(`the obedient peer ended with ${code}`)));
  });
  return {
    port,
    accepted: () =>
      readFileSync(logFile, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => {
          const [recipient = '', messageId = ''] = line.split('\t');
          return { recipient, messageId };
        }),
    idle: () =>
      new Promise((resolve) => {
        child.once('message', () => resolve());
        child.send('idle');
      }),
    stop: () =>
      new Promise((resolve) => {
        const gone = (): void => {
          if (folder !== undefined) rmSync(folder, { recursive: true });
          resolve();
        };
        if (child.exitCode !== null || child.signalCode !== null) return gone();
        child.once('exit', gone);
        child.kill('SIGKILL');
      }),
  };
}
