/**
 * Writes readers' events into the ledger in group commits. Callers await the commit, clicks and opens too: it costs a
 * reader 20 ms at most, while an answer before it would lose events with every crash, and waiting is also what
 * bounds memory, as nobody can send faster than the disk takes.
 */
import type { LedgerEvent, Spool } from '../../mta/index.ts';

export interface RecorderOptions {
  spool: Pick<Spool, 'recordEvents'>;
  /** ms that an event waits for others to share the commit */
  delay?: number;
  /** that many are written at once without waiting */
  size?: number;
}

interface Waiting {
  event: LedgerEvent;
  resolve(): void;
  reject(error: unknown): void;
}

export class Recorder {
  readonly #spool: Pick<Spool, 'recordEvents'>;
  readonly #delay: number;
  readonly #size: number;
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor({ spool, delay = 20, size = 500 }: RecorderOptions) {
    this.#spool = spool;
    this.#delay = delay;
    this.#size = size;
  }

  /** Resolves when the event is on disk; rejects with what SQLite says, and then nothing of its group was written. */
  record(event: LedgerEvent): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ event, resolve, reject });
      if (this.#waiting.length >= this.#size) this.flush();
      else this.#timer ??= setTimeout(() => this.flush(), this.#delay);
    });
  }

  /** Writes what waits now; at the end of the process too. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.length === 0) return;
    const group = this.#waiting;
    this.#waiting = [];
    try {
      this.#spool.recordEvents(group.map(({ event }) => event));
    } catch (error) {
      for (const { reject } of group) reject(error);
      return;
    }
    for (const { resolve } of group) resolve();
  }
}
