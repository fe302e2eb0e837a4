/** The appliance under the storm: started, killed and started again on one data folder. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Api } from '../api.ts';
import { type Appliance, startAppliance } from '../appliance.ts';
import type { Kill } from './plan.ts';
import { alive, gone, mtaPids, signal } from './processes.ts';

const LOGIN = { email: 'admin@example.jp', password: 'a long enough password' };

export class Target {
  readonly #dataDir: string;
  /** 0: it is just being started */
  #pid = 0;
  #starting: Promise<Appliance> | undefined;
  /** we are the reason why it ended */
  #struck = false;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** Starts the processes; whether they come up is seen by `ready`. */
  start(): void {
    this.#struck = false;
    this.#pid = 0;
    this.#starting = startAppliance({
      dataDir: this.#dataDir,
      delivery: 'live',
      ...LOGIN,
      onSpawn: (pid) => {
        this.#pid = pid;
      },
    });
    // Whoever waits for it hears of it; one that we killed in the middle fails, of course.
    this.#starting.catch(() => {});
  }

  ready(): Promise<Appliance> {
    return this.#starting!;
  }

  async api(): Promise<Api> {
    const { adminUrl } = await this.ready();
    const api = new Api(adminUrl);
    await api.login(LOGIN.email, LOGIN.password);
    return api;
  }

  /**
   * Kills, calls `dead` while nothing of it runs, and starts again. `dead` is not called for `server`: its MTA drains on its own, at the same
   * time as a new server starts.
   */
  async strike({ kind, drainFor }: Kill, dead: () => Promise<void>): Promise<void> {
    while (this.#pid === 0) await sleep(5);
    if (kind === 'mta') {
      await this.#mtaLives();
      // Held still, so that its next MTA sends nothing before we have looked.
      signal(this.#pid, 'SIGSTOP');
      await this.#killMtas();
      await dead();
      signal(this.#pid, 'SIGCONT');
      return;
    }
    this.#struck = true;
    if (kind === 'drain') {
      signal(this.#pid, 'SIGTERM');
      await sleep(drainFor);
    }
    signal(this.#pid, 'SIGKILL');
    if (kind !== 'server') {
      await this.#killMtas();
      await gone([this.#pid]);
      await dead();
    } else await gone([this.#pid]);
    await this.#starting!.catch(() => {});
    this.start();
  }

  /** It must not end by itself. @throws Error with its last lines */
  async check(): Promise<void> {
    if (!this.#struck && this.#pid > 0 && !alive(this.#pid)) {
      const { lastLines } = await this.ready();
      throw new Error(`The appliance has ended by itself. Its last lines:\n${lastLines()}`);
    }
  }

  /** What it says of itself, for whoever has to find out why it stands still. */
  async state(): Promise<string> {
    if (!alive(this.#pid)) return 'The server does not run.';
    try {
      const { lastLines } = await this.ready();
      return `${JSON.stringify(await (await this.api()).get('/queues?limit=5'))}\n${lastLines()}`;
    } catch (error) {
      return String(error);
    }
  }

  /** SIGTERM; answers the exit code. */
  async stop(): Promise<number | null> {
    const appliance = await this.ready();
    await appliance.stop();
    return appliance.exited;
  }

  /** Leaves nothing behind, whatever state it is in. */
  async destroy(): Promise<void> {
    if (this.#pid > 0 && alive(this.#pid)) signal(this.#pid, 'SIGKILL');
    await this.#killMtas();
    await this.#starting?.catch(() => {});
  }

  /** All on this folder: also one that drains after its server was killed. */
  async #killMtas(): Promise<void> {
    // One that is just being started is seen on the second look.
    for (let pids = mtaPids(this.#dataDir); pids.length > 0; pids = mtaPids(this.#dataDir)) {
      for (const pid of pids) signal(pid, 'SIGKILL');
      await gone(pids);
    }
  }

  /** The server may still wait before it starts the next. */
  async #mtaLives(): Promise<void> {
    while (mtaPids(this.#dataDir).length === 0) {
      await this.check();
      await sleep(20);
    }
  }
}
