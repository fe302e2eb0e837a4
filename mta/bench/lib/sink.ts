/** Postfix's smtp-sink: a mail server in C that accepts and forgets. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../../scripts/appliance.ts';

const SMTP_SINK = '/usr/sbin/smtp-sink';

export interface Sink {
  port: number;
  stop(): Promise<void>;
}

/** @throws Error when smtp-sink is not installed or does not listen */
export async function startSink(): Promise<Sink> {
  if (!existsSync(SMTP_SINK)) throw new Error(`${SMTP_SINK} is missing: install Debian's package postfix`);
  const port = await freePort();
  // It refuses to run as root.
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const child = spawn(SMTP_SINK, [...user, `127.0.0.1:${port}`, '1000'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const exited = once(child, 'exit');
  for (let tries = 0; !(await accepts(port)); tries += 1) {
    if (tries === 100 || child.exitCode !== null) throw new Error('smtp-sink does not listen');
    await sleep(50);
  }
  return {
    port,
    async stop() {
      child.kill();
      await exited;
    },
  };
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
