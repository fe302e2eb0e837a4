/** The real process: `todoke serve` on a folder of its own, with its worker and its MTA. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { portsFile } from './folder.ts';
import { restartDelay } from './mta-supervisor.ts';

const CLI = fileURLToPath(new URL('./cli.ts', import.meta.url));
const PASSWORD = 'the first password';

let dataDir: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'todoke-main-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

interface Served {
  child: ChildProcess;
  admin: string;
  public: string;
  output(): string;
  exit: Promise<{ code: number | null; signal: string | null }>;
}

function run(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: {
      PATH: process.env.PATH,
      TODOKE_DATA_DIR: dataDir,
      TODOKE_HOST: '127.0.0.1',
      TODOKE_ADMIN_PORT: '0',
      TODOKE_PUBLIC_PORT: '0',
      TODOKE_INBOUND_PORT: '0',
      TODOKE_ADMIN_EMAIL: 'it@example.com',
      TODOKE_ADMIN_PASSWORD: PASSWORD,
      ...env,
    },
    stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
  });
  children.push(child);
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const exit = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  return { child, output: () => output, exit };
}

async function serve(env: Record<string, string> = {}): Promise<Served> {
  const { child, output, exit } = run(['serve'], env);
  const ready = new Promise<{ admin: number; public: number }>((resolve) =>
    child.on('message', (message: { type: string; ports: { admin: number; public: number } }) =>
      resolve(message.ports),
    ),
  );
  const failed = exit.then(({ code }) => Promise.reject(new Error(`ended with ${code}: ${output()}`)));
  failed.catch(() => {});
  const ports = await Promise.race([ready, failed]);
  return {
    child,
    output,
    exit,
    admin: `http://127.0.0.1:${ports.admin}`,
    public: `http://127.0.0.1:${ports.public}`,
  };
}

async function stop({ child, exit }: Served, signal: NodeJS.Signals = 'SIGTERM') {
  child.kill(signal);
  return exit;
}

async function login(server: Served, password = PASSWORD): Promise<Record<string, string>> {
  const response = await fetch(`${server.admin}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'it@example.com', password }),
  });
  expect(response.status, await response.text()).toBe(200);
  return { cookie: response.headers.getSetCookie()[0]!.split(';')[0]! };
}

/** Asks /readyz until it answers with this status. */
async function readiness(server: Served, status: number): Promise<void> {
  for (;;) {
    const response = await fetch(`${server.admin}/readyz`);
    await response.arrayBuffer();
    if (response.status === status) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('todoke serve', () => {
  test('starts with everything, lets the first administrator in, and ends with 0 on SIGTERM', async () => {
    const server = await serve();
    await readiness(server, 200);
    const headers = await login(server);
    const me = await (await fetch(`${server.admin}/api/v1/session`, { headers })).json();
    expect(me).toMatchObject({
      user: { email: 'it@example.com', role: 'administrator' },
      delivery: 'sandbox',
    });
    const settings = await (await fetch(`${server.admin}/api/v1/settings`, { headers })).json();
    expect(settings).toMatchObject({ publicUrl: server.public.replace('127.0.0.1', 'localhost') });
    expect((await fetch(`${server.public}/healthz`)).status).toBe(200);
    expect((await fetch(`${server.public}/api/v1/session`, { headers })).status).toBe(404);
    expect(JSON.parse(readFileSync(portsFile(dataDir), 'utf8'))).toMatchObject({
      pid: server.child.pid,
      admin: Number(new URL(server.admin).port),
      public: Number(new URL(server.public).port),
    });
    // an open screen must not hold up the end
    const events = await fetch(`${server.admin}/api/v1/events`, { headers });
    const reader = events.body!.getReader();
    await reader.read();
    expect(await stop(server)).toEqual({ code: 0, signal: null });
    expect(existsSync(portsFile(dataDir))).toBe(false);
    expect(server.output()).not.toContain(PASSWORD);
  });

  test('makes up a password once, tells it once, and not in the log', async () => {
    const server = await serve({ TODOKE_ADMIN_PASSWORD: '' });
    const password = /with the password (\S+)\n/.exec(server.output())?.[1] ?? '';
    await login(server, password);
    expect(await stop(server, 'SIGINT')).toMatchObject({ code: 0 });
    const log = server
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'));
    expect(log.length).toBeGreaterThan(0);
    expect(log.join('\n')).not.toContain(password);
    const again = await serve({ TODOKE_ADMIN_PASSWORD: '' });
    expect(again.output()).not.toContain('with the password');
    await login(again, password);
    expect(await stop(again)).toMatchObject({ code: 0 });
  });

  test('refuses a folder on which another one runs; the command line works beside it', async () => {
    const server = await serve();
    const second = run(['serve']);
    expect(await second.exit).toMatchObject({ code: 1 });
    expect(second.output()).toContain(`Another Todoke already runs on ${dataDir}.`);
    const key = run(['key', 'create', '--name', 'ci', '--scope', 'all']);
    expect(await key.exit).toMatchObject({ code: 0 });
    const response = await fetch(`${server.admin}/api/v1/users`, {
      headers: { authorization: `Bearer ${key.output().trim()}` },
    });
    expect(response.status).toBe(200);
    const doctor = run(['doctor', '--json']);
    await readiness(server, 200);
    expect(await doctor.exit).toMatchObject({ code: 0 });
    expect(JSON.parse(doctor.output()).findings).toContainEqual(
      expect.objectContaining({ check: 'server', state: 'ok' }),
    );
    expect(await stop(server)).toMatchObject({ code: 0 });
  });

  test('after kill -9 the next start finds what was there; its MTA waits for the old one to end', async () => {
    const server = await serve();
    await readiness(server, 200);
    server.child.kill('SIGKILL');
    await server.exit;
    const again = await serve();
    await readiness(again, 200);
    await login(again);
    expect(await stop(again)).toMatchObject({ code: 0 });
  });

  test('a port that is taken is named with its variable, and nothing is left running', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const { port } = blocker.address() as { port: number };
    const server = run(['serve'], { TODOKE_ADMIN_PORT: String(port) });
    expect(await server.exit).toMatchObject({ code: 1 });
    expect(server.output()).toContain(
      `127.0.0.1 port ${port} (TODOKE_ADMIN_PORT) is in use by another program.`,
    );
    blocker.close();
  });
});

function mtaOf({ child }: Served): number {
  const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
  return Number(children.trim().split(' ')[0]);
}

describe('the MTA', () => {
  test('is seen on open screens: its reports, and at once that it is dead', async () => {
    const server = await serve();
    await readiness(server, 200);
    const close = new AbortController();
    const events = await fetch(`${server.admin}/api/v1/events`, {
      headers: await login(server),
      signal: close.signal,
    });
    let text = '';
    const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
    const shown = async (state: object): Promise<void> => {
      for (;;) {
        const found = [...text.matchAll(/event: queues\ndata: (.*)\n\n/g)].map(([, data]) =>
          JSON.parse(data!),
        );
        text = text.slice(text.lastIndexOf('\n\n') + 1);
        if (found.some((data) => Object.entries(state).every(([key, value]) => data[key] === value))) return;
        const { value, done } = await reader.read();
        if (done) throw new Error('the stream has ended');
        text += value;
      }
    };
    await shown({ running: true, mode: 'sandbox', queued: 0 });
    process.kill(mtaOf(server), 'SIGKILL');
    await shown({ running: false });
    await shown({ running: true });
    close.abort();
    await reader.cancel().catch(() => {});
    expect(await stop(server)).toMatchObject({ code: 0 });
  });

  test('is started again when it dies', async () => {
    const server = await serve({ TODOKE_LOG: 'info' });
    await readiness(server, 200);
    process.kill(mtaOf(server), 'SIGKILL');
    await readiness(server, 503);
    await readiness(server, 200);
    expect(server.output()).toContain('"signal":"SIGKILL"');
    expect(await stop(server)).toMatchObject({ code: 0 });
  });

  test('waits longer after each crash in a row, half a minute at most', () => {
    expect(Array.from({ length: 10 }, (_, i) => restartDelay(i + 1))).toEqual([
      250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000,
    ]);
  });
});
