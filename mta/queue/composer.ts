import { availableParallelism } from 'node:os';
import { ComposePool } from '../compose/pool.ts';
import type { Mail } from '../smtp/types.ts';
import type { QueueRow } from '../spool/claim.ts';
import type { DeliverySettings } from '../types.ts';
import type { Job } from './jobs.ts';

export { UnfitContent } from '../compose/unfit.ts';

/** More than four threads compose faster than one main thread sends. */
const threads = (): number => Math.min(4, Math.max(2, availableParallelism()));

/** Makes one mail's bytes from the job's content and the row's values, signed for the From domain; in threads of its own. */
export class Composer {
  readonly #pool: ComposePool;

  constructor(options: { content(jobId: number): string; onError(what: string, error: unknown): void }) {
    this.#pool = new ComposePool({ ...options, threads: threads() });
  }

  /**
   * Settings of all mails from now on.
   * @throws Error when a key cannot be read
   */
  use(settings: DeliverySettings): void {
    this.#pool.use(settings);
  }

  /** @throws UnfitContent when the content does not compile or this person's values break it; other errors are our own failures */
  compose(job: Job, row: QueueRow): Promise<Mail> {
    return this.#pool.compose(job, row);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
