/** The MTA's side of inbound mail: keeps the thread that listens and the thread that reads alive, and tells what they do. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { InboundStatus } from '../types.ts';
import type { CertificateFiles } from './certificate.ts';
import { type Counters, emptyCounters } from './counters.ts';
import { prepareInboundFile } from './file.ts';
import { INBOUND_LIMITS, type InboundLimits } from './limits.ts';
import type { FromListener, FromReader, ListenerData, ReaderData, ToListener, ToReader } from './protocol.ts';
import { MAIL_KINDS, type MailKind } from './read/types.ts';
import type { InboundSettings } from './recipients.ts';

/** ms before a thread that died is started again */
const RESTART = 1000;
/** ms that a batch may take before its thread is given up: a mail has it run in circles */
const STUCK = 30_000;
/** What reading a mail may need at most: a mail that needs more ends its thread, not the MTA. */
const READER_HEAP_MB = 192;

export interface InboundOptions {
  dataDir: string;
  host: string;
  /** 0: any free one */
  port: number;
  files?: CertificateFiles | undefined;
  settings: InboundSettings;
  /** the last mail whose effects are in the spool */
  cursor: number;
  limits?: Partial<InboundLimits>;
  /** false: what comes in stays unread (for tests of the listener alone) */
  reads?: boolean;
  /** the ledger has grown up to this id */
  onLedger(ledgerId: number): void;
  /** what an administrator must know; never with a mail's content */
  onProblem(what: string, error: unknown): void;
}

export class Inbound {
  readonly #options: InboundOptions;
  readonly #first = Promise.withResolvers<void>();
  readonly #read = Object.fromEntries(MAIL_KINDS.map((kind) => [kind, 0])) as Record<MailKind, number>;
  #settings: InboundSettings;
  #listener: Worker;
  #reader: Worker | undefined;
  #port: number | null = null;
  #counters: Counters = emptyCounters();
  #sessions = 0;
  /** of the monotonic clock, undefined: it rests */
  #busySince: number | undefined;
  #stopping = false;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #watch: NodeJS.Timeout;

  constructor(options: InboundOptions) {
    this.#options = options;
    this.#settings = options.settings;
    // Before two threads open it at once.
    prepareInboundFile(options.dataDir, options.cursor);
    this.#listener = this.#listen(options.port);
    // What came in before a crash is read in any case.
    if (options.reads !== false) this.#reader = this.#startReader(false);
    this.#watch = setInterval(() => this.#checkReader(), 1000);
  }

  /** Resolves when it listens, or when it is known that it cannot yet: that keeps no mail from being sent. */
  get started(): Promise<void> {
    return this.#first.promise;
  }

  get port(): number | undefined {
    return this.#port ?? undefined;
  }

  use(settings: InboundSettings): void {
    this.#settings = settings;
    this.#listener.postMessage({ type: 'settings', settings } satisfies ToListener);
    this.#reader?.postMessage({ type: 'token-key', tokenKey: settings.tokenKey } satisfies ToReader);
  }

  status(): InboundStatus {
    return { port: this.#port, sessions: this.#sessions, counters: this.#counters, read: { ...this.#read } };
  }

  /** What was answered 250 is on disk in any case; what is unread is read at the next start. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#watch);
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all([end(this.#listener), this.#reader && end(this.#reader)]);
  }

  #later(work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, RESTART);
    this.#timers.add(timer);
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
    const worker = new Worker(new URL('./listener.ts', import.meta.url), {
      workerData,
      resourceLimits: { maxYoungGenerationSizeMb: 6 },
    });
    worker.on('message', (message: FromListener) => this.#hearListener(message));
    worker.on('error', (error) => onProblem('the inbound listener ended', error));
    worker.on('exit', () => {
      this.#first.resolve();
      if (this.#stopping) return;
      // The port that was chosen for us stays ours.
      this.#later(() => {
        this.#listener = this.#listen(this.#port ?? port);
      });
    });
    return worker;
  }

  #startReader(careful: boolean): Worker {
    const { dataDir, onProblem } = this.#options;
    const workerData: ReaderData = { dataDir, tokenKey: this.#settings.tokenKey, careful };
    const worker = new Worker(new URL('./reader-thread.ts', import.meta.url), {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: READER_HEAP_MB, maxYoungGenerationSizeMb: 8 },
    });
    worker.on('message', (message: FromReader) => this.#hearReader(message));
    worker.on('error', (error) => onProblem('the reader of inbound mail ended', error));
    worker.on('exit', () => {
      this.#busySince = undefined;
      if (this.#stopping) return;
      this.#later(() => {
        this.#reader = this.#startReader(true);
      });
    });
    return worker;
  }

  #checkReader(): void {
    if (this.#busySince === undefined || performance.now() - this.#busySince < STUCK) return;
    this.#busySince = undefined;
    this.#options.onProblem('a mail kept its reader busy', new Error(`no end after ${STUCK / 1000} s`));
    void this.#reader?.terminate();
  }

  #hearListener(message: FromListener): void {
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
        this.#reader?.postMessage({ type: 'read' } satisfies ToReader);
        break;
      case 'counters':
        this.#counters = message.counters;
        this.#sessions = message.sessions;
        break;
    }
  }

  #hearReader(message: FromReader): void {
    switch (message.type) {
      case 'busy':
        this.#busySince = performance.now();
        break;
      case 'read':
        for (const kind of MAIL_KINDS) this.#read[kind] += message.kinds[kind] ?? 0;
        if (message.ledgerId > 0) this.#options.onLedger(message.ledgerId);
        break;
      case 'rests':
        this.#busySince = undefined;
        break;
      case 'failed':
        this.#options.onProblem('inbound mail cannot be read at present', new Error(message.message));
        break;
    }
  }
}

async function end(worker: Worker): Promise<void> {
  // It has ended by itself, and its exit will not be told again.
  if (worker.threadId === -1) return;
  const ended = once(worker, 'exit').catch(() => {});
  worker.postMessage({ type: 'stop' });
  await ended;
}
