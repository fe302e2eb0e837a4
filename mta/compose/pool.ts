/**
 * Composing threads. Rendering and signing cost far more than all the rest of a mail, so they leave the main thread; and as
 * handing over costs as much as rendering, it is done for many mails at once: what is asked for in one turn of the event
 * loop travels together.
 */
import { createDkimSigner } from '../message/dkim.ts';
import type { Mail } from '../smtp/types.ts';
import type { QueueRow } from '../spool/claim.ts';
import type { DeliverySettings } from '../types.ts';
import type { ComposeSettings, JobContent } from './protocol.ts';
import { ComposeThread, type Request } from './thread.ts';

/** Mails in one message: the next ones need not wait long, and a hand-over is shared by enough. */
const BATCH = 8;
/** Characters of content in one message, so that a large mail does not hold up the small ones behind it. */
const BATCH_CHARS = 512 * 1024;
/** Batches that a thread has at a time: the next one lies ready when it is done with the first. */
const AHEAD = 2;
/** A job whose mails have ended so many threads is not tried again for a while. */
const CONVICTIONS = 3;
const SENTENCE = 600_000;
/** ms before a thread that ended without work is replaced */
const RESTART = 1000;

export interface ComposePoolOptions {
  threads: number;
  /** JSON of the job's `ContentSource` */
  content(jobId: number): string;
  onError(what: string, error: unknown): void;
  /** ms that a batch may take before its thread is taken for hung */
  patience?: number | undefined;
}

export class ComposePool {
  readonly #options: ComposePoolOptions;
  readonly #threads: ComposeThread[] = [];
  /** mails of people who wait, and all others */
  #urgent: Request[] = [];
  #bulk: Request[] = [];
  /** what a thread died of may be among them: each is tried alone */
  #suspects: Request[] = [];
  /** job → how many threads its mails have ended, and when the last */
  readonly #convicted = new Map<number, { times: number; at: number }>();
  /** the thread that suspects are tried in */
  #dock: ComposeThread | undefined;
  #settings: ComposeSettings | undefined;
  #scheduled = false;
  #closed = false;

  constructor(options: ComposePoolOptions) {
    this.#options = options;
    for (let n = 0; n < options.threads; n += 1) this.#start();
  }

  /**
   * For all mails asked for from now on.
   * @throws Error when a key cannot be read; the old settings stay then
   */
  use({ publicUrl, tokenKey, domains, rawLocalParts = [] }: DeliverySettings): void {
    for (const { domain, dkim } of domains) createDkimSigner({ domain, keys: dkim });
    this.#settings = { publicUrl, tokenKey, domains, rawLocalParts };
    this.#convicted.clear();
    for (const thread of this.#threads) thread.use(this.#settings);
  }

  /**
   * @throws UnfitContent when nobody could make this mail, or not with this person's values; other errors are failures of
   * our own, and it may be tried again
   */
  compose(job: { id: number; class: JobContent['class'] }, row: QueueRow): Promise<Mail> {
    return new Promise((resolve, reject) => {
      const request = { job, row, resolve, reject };
      if (job.class === 'bulk') this.#bulk.push(request);
      else this.#urgent.push(request);
      this.#schedule();
    });
  }

  /** Ends the threads; what is asked for and not done is never answered. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  /** Once in a turn of the event loop, after all that arrived in it. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#closed) this.#handOut();
    });
  }

  #handOut(): void {
    this.#trySuspects();
    for (;;) {
      const waiting = this.#urgent.length + this.#bulk.length;
      if (waiting === 0) return;
      let freest: ComposeThread | undefined;
      let free = 0;
      for (const thread of this.#threads) {
        if (thread === this.#dock) continue;
        free += AHEAD - thread.batches;
        if (thread.batches < (freest?.batches ?? AHEAD)) freest = thread;
      }
      if (!freest) return;
      const batch = this.#nextBatch(Math.min(BATCH, Math.ceil(waiting / free)), freest);
      if (batch.length > 0) freest.give(batch, this.#contentOf);
    }
  }

  /** One at a time and alone in its thread, so that it is known who did it; the other threads go on. */
  #trySuspects(): void {
    if (this.#suspects.length > 0) this.#dock ??= this.#threads[0];
    while (this.#suspects.length > 0 && this.#dock?.batches === 0) {
      const suspect = this.#suspects.shift()!;
      if (!this.#rejectConvicted(suspect)) this.#dock.give([suspect], this.#contentOf);
    }
    if (this.#suspects.length === 0 && this.#dock?.batches === 0) this.#dock = undefined;
  }

  #nextBatch(size: number, thread: ComposeThread): Request[] {
    const batch: Request[] = [];
    let chars = 0;
    while (batch.length < size && chars < BATCH_CHARS) {
      const request = this.#urgent.length > 0 ? this.#urgent.shift() : this.#bulk.shift();
      if (!request) break;
      if (this.#rejectConvicted(request)) continue;
      batch.push(request);
      chars += thread.sizeOf(request.job.id);
    }
    return batch;
  }

  readonly #contentOf = (jobId: number): string => this.#options.content(jobId);

  #start(): void {
    if (this.#closed) return;
    const thread = new ComposeThread({
      patience: this.#options.patience ?? 120_000,
      onFree: () => this.#schedule(),
      onDeath: (error, undone) => this.#died(thread, error, undone),
    });
    if (this.#settings) thread.use(this.#settings);
    this.#threads.push(thread);
    this.#schedule();
  }

  #died(thread: ComposeThread, error: unknown, undone: Request[]): void {
    this.#threads.splice(this.#threads.indexOf(thread), 1);
    if (thread === this.#dock) this.#dock = undefined;
    if (this.#closed) return;
    this.#options.onError('a composing thread ended; another one takes its place', error);
    const [first] = undone;
    if (undone.length === 1) {
      this.#convict(first!.job.id);
      first!.reject(new Error(`the composing thread ended: ${String((error as Error)?.message ?? error)}`));
    } else this.#suspects.push(...undone);
    if (first) this.#start();
    // It was no mail's fault, so the next one may end at once as well.
    else setTimeout(() => this.#start(), RESTART).unref();
    this.#schedule();
  }

  #convict(jobId: number): void {
    const times = (this.#convicted.get(jobId)?.times ?? 0) + 1;
    this.#convicted.set(jobId, { times, at: performance.now() });
  }

  #rejectConvicted({ job, reject }: Request): boolean {
    const found = this.#convicted.get(job.id);
    if (!found || found.times < CONVICTIONS) return false;
    if (performance.now() - found.at >= SENTENCE) {
      this.#convicted.delete(job.id);
      return false;
    }
    reject(new Error('its content has ended several composing threads; it is tried again later'));
    return true;
  }
}
