/**
 * Long work runs in one worker thread (worker.ts) with its own database connections, so that HTTP answers at once
 * whatever is imported, enqueued or folded. Jobs keep their progress in the database: main.ts starts the unfinished
 * ones again after a restart, and a job must be able to go on from what it finds there.
 */
import { Worker } from 'node:worker_threads';
import type { ToMta } from '../mta/index.ts';
import type { LiveEvent } from './events.ts';

/** `import`: imports.id; `enqueue`: campaigns.id; `webhook`: webhooks.id, of one that was changed or has something to send */
export interface JobRef {
  kind: 'import' | 'enqueue' | 'webhook';
  id: number;
}

/** main thread → worker */
export type ToWorker = { type: 'run' | 'cancel'; job: JobRef } | { type: 'ledger' } | { type: 'stop' };
/** worker → main thread; `job-failed` is a programming error, already logged by the worker's caller */
export type FromWorker =
  | { type: 'live'; event: LiveEvent }
  | { type: 'mta'; message: ToMta }
  | { type: 'job-failed'; job: JobRef | null; error: string };

export interface JobsOptions {
  dataDir: string;
  onMessage(message: FromWorker): void;
  /** the thread died: the process should end, so that its supervisor starts it afresh */
  onExit(code: number): void;
}

export class Jobs {
  readonly #worker: Worker;
  readonly #exited: Promise<number>;
  #stopping = false;

  constructor(options: JobsOptions) {
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: { dataDir: options.dataDir },
      // Small young generations, as in the MTA (mta/README.md, Speed): 10 MB less, and imports are as fast.
      resourceLimits: { maxYoungGenerationSizeMb: 12 },
    });
    this.#worker.on('message', (message: FromWorker) => options.onMessage(message));
    this.#worker.on('error', (error) =>
      options.onMessage({ type: 'job-failed', job: null, error: String(error.stack ?? error) }),
    );
    this.#exited = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        resolve(code);
        if (!this.#stopping) options.onExit(code);
      });
    });
  }

  run(job: JobRef): void {
    this.#post({ type: 'run', job });
  }

  cancel(job: JobRef): void {
    this.#post({ type: 'cancel', job });
  }

  /** The ledger has grown: fold it. */
  ledgerGrew(): void {
    this.#post({ type: 'ledger' });
  }

  /** Lets the chunk at hand finish; unfinished jobs go on at the next start. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#post({ type: 'stop' });
    await this.#exited;
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }
}
