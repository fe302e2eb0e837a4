/** The MTA's side of inbound mail: keeps the thread that listens alive, and tells what it does. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { CertificateFiles } from './certificate.ts';
import { type Counters, emptyCounters } from './counters.ts';
import { INBOUND_LIMITS, type InboundLimits } from './limits.ts';
import type { FromListener, ListenerData, ToListener } from './protocol.ts';
import type { InboundSettings } from './recipients.ts';

/** ms before a thread that died is started again */
const RESTART = 1000;

export interface InboundOptions {
  dataDir: string;
  host: string;
  /** 0: any free one */
  port: number;
  files?: CertificateFiles | undefined;
  settings: InboundSettings;
  limits?: Partial<InboundLimits>;
  /** what an administrator must know; never with a mail's content */
  onProblem(what: string, error: unknown): void;
}

export class Inbound {
  readonly #options: InboundOptions;
  readonly #first = Promise.withResolvers<void>();
  #settings: InboundSettings;
  #listener: Worker;
  #port: number | undefined;
  #counters: Counters = emptyCounters();
  #sessions = 0;
  #stopping = false;
  #restart: NodeJS.Timeout | undefined;

  constructor(options: InboundOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#listener = this.#listen(options.port);
  }

  /** Resolves when it listens, or when it is known that it cannot yet: that keeps no mail from being sent. */
  get started(): Promise<void> {
    return this.#first.promise;
  }

  /** undefined: the port could not be opened (yet) */
  get port(): number | undefined {
    return this.#port;
  }

  use(settings: InboundSettings): void {
    this.#settings = settings;
    this.#tell({ type: 'settings', settings });
  }

  status(): { port: number | undefined; sessions: number; counters: Counters } {
    return { port: this.#port, sessions: this.#sessions, counters: this.#counters };
  }

  /** What was answered 250 is on disk in any case. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    const ended = once(this.#listener, 'exit');
    this.#tell({ type: 'stop' });
    await ended;
  }

  #tell(message: ToListener): void {
    this.#listener.postMessage(message);
  }

  #listen(port: number): Worker {
    const { dataDir, host, files, limits, onProblem } = this.#options;
    const workerData: ListenerData = {
      dataDir,
      host,
      port,
      files,
      limits: { ...INBOUND_LIMITS, ...limits },
      settings: this.#settings,
    };
    const worker = new Worker(new URL('./listener.ts', import.meta.url), { workerData });
    worker.on('message', (message: FromListener) => this.#hear(message));
    worker.on('error', (error) => onProblem('the inbound listener ended', error));
    worker.on('exit', () => {
      if (this.#stopping) return;
      this.#first.resolve();
      // The port that was chosen for us stays ours.
      this.#restart = setTimeout(() => {
        this.#listener = this.#listen(this.#port ?? port);
      }, RESTART);
    });
    return worker;
  }

  #hear(message: FromListener): void {
    switch (message.type) {
      case 'listening':
        this.#port = message.port;
        this.#first.resolve();
        break;
      case 'not-listening':
        this.#options.onProblem('the inbound port cannot be opened', new Error(message.message));
        this.#first.resolve();
        break;
      case 'certificate':
        this.#options.onProblem('the TLS certificate cannot be used', new Error(message.message));
        break;
      case 'received':
        break;
      case 'counters':
        this.#counters = message.counters;
        this.#sessions = message.sessions;
        break;
    }
  }
}
