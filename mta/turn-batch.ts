/**
 * What comes in one turn of the event loop is written together: in a flood that is one commit for all connections, and what comes alone waits
 * for nobody.
 */
export class TurnBatch<T> {
  readonly #write: (items: T[]) => void;
  #pending: { item: T; done: (error?: Error) => void }[] = [];
  #scheduled = false;

  /** `write`: all of them or, when it throws, none */
  constructor(write: (items: T[]) => void) {
    this.#write = write;
  }

  /** Calls back when it is written, or with what kept it from being written. */
  add(item: T, done: (error?: Error) => void): void {
    this.#pending.push({ item, done });
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.flush());
  }

  /** Writes what waits now. */
  flush(): void {
    this.#scheduled = false;
    const batch = this.#pending;
    if (batch.length === 0) return;
    this.#pending = [];
    let failure: Error | undefined;
    try {
      this.#write(batch.map(({ item }) => item));
    } catch (error) {
      failure = error as Error;
    }
    for (const { done } of batch) done(failure);
  }
}
