/** Keeps the MTA running: starts it, starts it again when it dies, and knows how it is. */
import type { FromMta, LineStatus, MtaHandle, MtaStatus, spawnMta, ToMta } from '../mta/index.ts';

const FIRST_DELAY = 250;
const MAX_DELAY = 30_000;
/** after this long without a crash the next one counts as the first */
const STABLE_MS = 60_000;
/** ms after which a screen goes on without the MTA's answer */
const ANSWER = 2000;

/** ms to wait before the n-th start in a row (n from 1): a crash at once must not become a busy loop. */
export function restartDelay(crashes: number): number {
  return Math.min(MAX_DELAY, FIRST_DELAY * 2 ** (crashes - 1));
}

export interface SupervisorOptions {
  spawn: typeof spawnMta;
  dataDir: string;
  dns: string[];
  log: string;
  inbound?: Parameters<typeof spawnMta>[0]['inbound'];
  onSettled(ledgerId: number): void;
  onStatus(status: MtaStatus): void;
  onCrash(event: { code: number | null; signal: string | null; restartInMs: number }): void;
}

export class MtaSupervisor {
  readonly #options: SupervisorOptions;
  #handle: MtaHandle | undefined;
  #status: MtaStatus | undefined;
  #sandboxPort: number | undefined;
  #ready = false;
  #stopping = false;
  #crashes = 0;
  #startedAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #asked = 0;
  readonly #asking = new Map<number, (lines: LineStatus[]) => void>();

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  start(): void {
    const { spawn, dataDir, dns, log, inbound } = this.#options;
    this.#startedAt = performance.now();
    this.#handle = spawn({
      dataDir,
      dns,
      log,
      inbound,
      onMessage: (message) => this.#receive(message),
      onExit: (code, signal) => this.#restart(code, signal),
    });
  }

  /** A message to an MTA that is down is lost, and need not arrive: a new one reads everything from the spool. */
  send(message: ToMta): void {
    this.#handle?.send(message);
  }

  ready(): boolean {
    return this.#ready;
  }

  pid(): number | undefined {
    return this.#handle?.pid;
  }

  status(): MtaStatus | undefined {
    return this.#status;
  }

  /** What it knows of the mails that wait for these domains; nothing while it is down or does not answer. */
  lines(domains: string[]): Promise<LineStatus[]> {
    if (!this.#ready) return Promise.resolve([]);
    this.#asked += 1;
    const id = this.#asked;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#answered(id, []), ANSWER);
      this.#asking.set(id, (lines) => {
        clearTimeout(timer);
        resolve(lines);
      });
      this.send({ type: 'lines', id, domains });
    });
  }

  #answered(id: number, lines: LineStatus[]): void {
    this.#asking.get(id)?.(lines);
    this.#asking.delete(id);
  }

  sandboxPort(): number | undefined {
    return this.#sandboxPort;
  }

  /** Drains it; by force when that takes longer than `ms` (what was in flight is tried again at the next start). */
  async stop(ms: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const handle = this.#handle;
    if (!handle) return;
    const force = setTimeout(() => {
      try {
        process.kill(handle.pid, 'SIGKILL');
      } catch {
        // it has just ended by itself
      }
    }, ms);
    await handle.stop();
    clearTimeout(force);
  }

  #receive(message: FromMta): void {
    if (message.type === 'ready') {
      this.#ready = true;
      this.#sandboxPort = message.sandboxPort;
    } else if (message.type === 'settled') this.#options.onSettled(message.ledgerId);
    else if (message.type === 'status') {
      this.#status = message.status;
      this.#options.onStatus(message.status);
    } else if (message.type === 'lines') this.#answered(message.id, message.lines);
  }

  #restart(code: number | null, signal: string | null): void {
    this.#handle = undefined;
    this.#status = undefined;
    this.#sandboxPort = undefined;
    this.#ready = false;
    for (const id of this.#asking.keys()) this.#answered(id, []);
    if (this.#stopping) return;
    this.#crashes = performance.now() - this.#startedAt > STABLE_MS ? 1 : this.#crashes + 1;
    const restartInMs = restartDelay(this.#crashes);
    this.#options.onCrash({ code, signal, restartInMs });
    this.#timer = setTimeout(() => this.start(), restartInMs);
  }
}
