/** The main thread's end of one composing thread: what it was given and has not answered, and which contents it holds. */
import { Worker } from 'node:worker_threads';
import type { Mail } from '../smtp/types.ts';
import type { QueueRow } from '../spool/claim.ts';
import {
  type ComposeSettings,
  type FromComposer,
  type JobContent,
  MAIL_FIELDS,
  type PackedRows,
  type ToComposer,
  UNFIT,
} from './protocol.ts';
import { UnfitContent } from './unfit.ts';

/** Contents that a thread keeps compiled, those used last: a number, and characters (attachments are base64 in them). */
const CONTENTS = 100;
const CONTENT_CHARS = 64 * 1024 * 1024;
/** MB of heap before V8 ends the thread instead of the process; message bytes are outside of it */
const HEAP = 512;

export interface Request {
  job: { id: number; class: JobContent['class'] };
  row: QueueRow;
  resolve(mail: Mail): void;
  reject(error: unknown): void;
}

export interface ComposeThreadOptions {
  /** ms that the oldest batch may take */
  patience: number;
  /** a batch is done */
  onFree(): void;
  /** it has ended by itself; these requests were not answered */
  onDeath(error: unknown, undone: Request[]): void;
}

export class ComposeThread {
  readonly #worker: Worker;
  readonly #options: ComposeThreadOptions;
  /** in the order in which they will be answered */
  readonly #batches: { requests: Request[]; answered: number }[] = [];
  /** job → characters of its content, the least lately used first */
  readonly #contents = new Map<number, number>();
  #chars = 0;
  #error: unknown;
  #watch: NodeJS.Timeout | undefined;

  constructor(options: ComposeThreadOptions) {
    this.#options = options;
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), {
      name: 'compose',
      resourceLimits: { maxOldGenerationSizeMb: HEAP, maxYoungGenerationSizeMb: 6 },
    });
    this.#worker.on('message', (message: FromComposer) => this.#answered(message));
    this.#worker.on('error', (error) => {
      this.#error = error;
    });
    this.#worker.on('exit', (code) => {
      clearTimeout(this.#watch);
      const undone = this.#batches.flatMap(({ requests, answered }) => requests.slice(answered));
      options.onDeath(this.#error ?? new Error(`it ended with code ${code}`), undone);
    });
  }

  get batches(): number {
    return this.#batches.length;
  }

  /** characters of a content that was given before, else 0 */
  sizeOf(jobId: number): number {
    return this.#contents.get(jobId) ?? 0;
  }

  use(settings: ComposeSettings): void {
    this.#post({ type: 'settings', settings });
  }

  give(requests: Request[], contentOf: (jobId: number) => string): void {
    const rows: PackedRows = [];
    const given: Request[] = [];
    for (const request of requests) {
      const { job, row } = request;
      try {
        this.#provide(job, contentOf);
      } catch (error) {
        request.reject(error);
        continue;
      }
      given.push(request);
      rows.push(job.id, row.id, row.subscriberId, row.listId, row.createdAt, row.address, row.merge);
    }
    if (given.length === 0) return;
    this.#batches.push({ requests: given, answered: 0 });
    this.#post({ type: 'batch', rows });
    if (this.#batches.length === 1) this.#startWatch();
  }

  async close(): Promise<void> {
    clearTimeout(this.#watch);
    await this.#worker.terminate();
  }

  #provide({ id, class: deliveryClass }: Request['job'], contentOf: (jobId: number) => string): void {
    const known = this.#contents.get(id);
    if (known !== undefined) {
      this.#contents.delete(id);
      this.#contents.set(id, known);
      return;
    }
    const content = contentOf(id);
    this.#post({ type: 'job', job: { id, class: deliveryClass, content } });
    this.#contents.set(id, content.length);
    this.#chars += content.length;
    for (const [jobId, chars] of this.#contents) {
      if (jobId === id || (this.#contents.size <= CONTENTS && this.#chars <= CONTENT_CHARS)) break;
      this.#contents.delete(jobId);
      this.#chars -= chars;
      this.#post({ type: 'forget', jobId });
    }
  }

  #answered({ mails, bytes }: FromComposer): void {
    const batch = this.#batches[0]!;
    let offset = 0;
    for (let at = 0; at < mails.length; at += MAIL_FIELDS) {
      const { resolve, reject } = batch.requests[batch.answered]!;
      batch.answered += 1;
      const [first, second, length] = [mails[at] as string, mails[at + 1] as string, mails[at + 2] as number];
      if (length < 0) {
        reject(length === UNFIT ? new UnfitContent(first) : new Error(first));
        continue;
      }
      resolve({ mailFrom: first, rcptTo: second, message: Buffer.from(bytes, offset, length) });
      offset += length;
    }
    if (batch.answered < batch.requests.length) return;
    this.#batches.shift();
    clearTimeout(this.#watch);
    if (this.#batches.length > 0) this.#startWatch();
    this.#options.onFree();
  }

  /** One that hangs is ended like one that crashed: 'exit' does the rest. */
  #startWatch(): void {
    this.#watch = setTimeout(() => {
      this.#error = new Error(`a batch took longer than ${this.#options.patience} ms`);
      void this.#worker.terminate();
    }, this.#options.patience);
  }

  #post(message: ToComposer): void {
    this.#worker.postMessage(message);
  }
}
