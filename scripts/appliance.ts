/** Starts the whole appliance as a child process, as a user does: for the demo, the benches and the end-to-end tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../server/cli.ts', import.meta.url));
const KEPT_LINES = 60;

export interface ApplianceOptions {
  dataDir: string;
  delivery: 'sandbox' | 'live';
  /** of the first administrator */
  email: string;
  password: string;
  /** free ones by default */
  adminPort?: number | undefined;
  publicPort?: number | undefined;
  /** further TODOKE_ variables */
  env?: Record<string, string> | undefined;
  /** told at once, long before it is ready */
  onSpawn?: ((pid: number) => void) | undefined;
}

export interface Appliance {
  adminUrl: string;
  publicUrl: string;
  /** of the server; the MTA is its child */
  pid: number;
  /** resolves with the exit code when the process has ended, for whatever reason */
  exited: Promise<number | null>;
  /** what it said last, for error reports */
  lastLines(): string;
  /** SIGTERM, a drain, and the end of the process. */
  stop(): Promise<void>;
}

/** @throws Error with the last lines of its log when it ends or is not ready within a minute */
export async function startAppliance(options: ApplianceOptions): Promise<Appliance> {
  const adminPort = options.adminPort ?? (await freePort());
  const publicPort = options.publicPort ?? (await freePort());
  const publicUrl = `http://127.0.0.1:${publicPort}`;
  const child = spawn(process.execPath, [CLI, 'serve'], {
    env: {
      ...withoutTodoke(process.env),
      // as in the image
      MALLOC_ARENA_MAX: '2',
      TODOKE_DATA_DIR: options.dataDir,
      TODOKE_HOST: '127.0.0.1',
      TODOKE_ADMIN_PORT: String(adminPort),
      TODOKE_PUBLIC_PORT: String(publicPort),
      TODOKE_INBOUND_PORT: '0',
      TODOKE_SUBMISSION_PORT: '0',
      TODOKE_PUBLIC_URL: publicUrl,
      TODOKE_ADMIN_EMAIL: options.email,
      TODOKE_ADMIN_PASSWORD: options.password,
      TODOKE_DELIVERY: options.delivery,
      TODOKE_LOG: 'warn',
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid !== undefined) options.onSpawn?.(child.pid);
  const lines = keepLines(child);
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const appliance: Appliance = {
    adminUrl: `http://127.0.0.1:${adminPort}`,
    publicUrl,
    pid: child.pid!,
    exited,
    lastLines: () => lines.join('\n'),
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
  try {
    await waitUntilReady(appliance, child);
  } catch (error) {
    await appliance.stop();
    throw error;
  }
  return appliance;
}

async function waitUntilReady(appliance: Appliance, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline && child.exitCode === null && child.signalCode === null) {
    const ready = await fetch(`${appliance.adminUrl}/readyz`).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) return;
    await sleep(50);
  }
  const what =
    child.exitCode !== null
      ? `ended with code ${child.exitCode}`
      : child.signalCode !== null
        ? `was ended by ${child.signalCode}`
        : 'was not ready within a minute';
  throw new Error(`The appliance ${what}. Its last lines:\n${appliance.lastLines()}`);
}

function keepLines(child: ChildProcess): string[] {
  const lines: string[] = [];
  for (const stream of [child.stdout!, child.stderr!]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      if (lines.length > KEPT_LINES) lines.shift();
    });
  }
  return lines;
}

/** The caller's own installation must not leak into a throw-away one. */
function withoutTodoke(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TODOKE_')));
}

/** The preferred port on 127.0.0.1 if it is free, else any. */
export async function freePort(preferred = 0): Promise<number> {
  const server = createServer();
  try {
    server.listen(preferred, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as { port: number }).port;
  } catch (error) {
    if (preferred !== 0 && (error as NodeJS.ErrnoException).code === 'EADDRINUSE') return freePort();
    throw error;
  } finally {
    server.close();
  }
}
