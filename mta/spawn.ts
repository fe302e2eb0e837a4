import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { threadPoolSize } from './config.ts';
import type { FromMta, ToMta } from './types.ts';

export interface SpawnOptions {
  dataDir: string;
  /** resolvers as ip:port; empty: those of the system */
  dns: string[];
  log: string;
  /** where inbound mail comes in; absent: nowhere. `cert` and `key` are paths of PEM files. */
  inbound?: { host: string; port: number; files?: { cert: string; key: string } | undefined } | undefined;
  onMessage(message: FromMta): void;
  /** it ended without having been asked to */
  onExit(code: number | null, signal: NodeJS.Signals | null): void;
}

export interface MtaHandle {
  readonly pid: number;
  /** Lost when the MTA is down: a new one reads everything from the spool. */
  send(message: ToMta): void;
  /** Drains: what is in flight is settled, then it ends. */
  stop(): Promise<void>;
}

/** ms after which a drain that hangs is ended by force; what was in flight is tried again at the next start */
const STOP_TIMEOUT = 9000;

/** Starts mta/main.ts as a child process of its own, so that neither side's load or crash is the other's. */
export function spawnMta(options: SpawnOptions): MtaHandle {
  const child: ChildProcess = fork(fileURLToPath(new URL('./main.ts', import.meta.url)), [], {
    env: {
      ...process.env,
      TODOKE_DATA_DIR: options.dataDir,
      TODOKE_DNS: options.dns.join(','),
      TODOKE_LOG: options.log,
      TODOKE_HOST: options.inbound?.host ?? '',
      TODOKE_INBOUND_PORT: options.inbound ? String(options.inbound.port) : '',
      TODOKE_SMTP_CERT: options.inbound?.files?.cert ?? '',
      TODOKE_SMTP_KEY: options.inbound?.files?.key ?? '',
      // glibc gives each thread an arena of its own, which keeps what it was once given: 20 MB.
      MALLOC_ARENA_MAX: '2',
      UV_THREADPOOL_SIZE: String(threadPoolSize()),
    },
    // Small young generations: three threads have one each. As fast as larger ones, and 30 MB less (mta/README.md, Speed).
    // And a heap that is collected when it has grown by 80 %, not when it has trebled: 30,000 sites take 370 MB in place of 530.
    execArgv: ['--max-semi-space-size=2', '--heap-growing-percent=80'],
    // Signals of a terminal reach the whole group: the server decides when the MTA drains.
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  let stopping = false;
  const exited = new Promise<void>((resolve) => {
    const ended = (code: number | null, signal: NodeJS.Signals | null): void => {
      resolve();
      if (!stopping) options.onExit(code, signal);
    };
    child.once('exit', ended);
    // One that could not be started (no memory, no process ids) never exits.
    child.on('error', () => {
      if (child.pid === undefined) ended(null, null);
    });
  });
  child.on('message', (message) => options.onMessage(message as FromMta));
  const send = (message: ToMta): void => {
    if (child.connected) child.send(message, () => {});
  };
  return {
    pid: child.pid ?? 0,
    send,
    async stop() {
      stopping = true;
      send({ type: 'drain' });
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT);
      await exited;
      clearTimeout(timer);
    },
  };
}
