import { type ChildProcess, spawn } from 'node:child_process';
import net from 'node:net';

export interface SmtpSink {
  port: number;
  pid: number;
  stop(): Promise<void>;
}

/**
 * Postfix's smtp-sink on a free port of 127.0.0.1 (Debian package postfix). `args`: e.g. `-q DATA` (disconnect), `-r RCPT`
 * (4xx), `-f RCPT` (5xx), `-p` (no PIPELINING), `-e` (no ESMTP), `-8` (no 8BITMIME).
 */
export async function startSmtpSink(args: string[] = []): Promise<SmtpSink> {
  const port = await freePort();
  // As root it insists on a user to become.
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const child = spawn('/usr/sbin/smtp-sink', [...user, ...args, `127.0.0.1:${port}`, '1000'], {
    stdio: 'ignore',
  });
  await listening(child, port);
  return {
    port,
    pid: child.pid!,
    stop: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) resolve();
        child.once('exit', () => resolve());
        child.kill();
      }),
  };
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** It says nothing when it is ready, so the port is knocked on until it opens. */
async function listening(child: ChildProcess, port: number): Promise<void> {
  let failed: Error | undefined;
  child.once('error', (error) => (failed = error));
  child.once('exit', (code) => (failed = new Error(`smtp-sink ended with ${code}`)));
  for (;;) {
    if (failed !== undefined) throw failed;
    const open = await new Promise<boolean>((resolve) => {
      const socket = net.connect({ port, host: '127.0.0.1' }, () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => setImmediate(resolve, false));
    });
    if (open) return;
  }
}
