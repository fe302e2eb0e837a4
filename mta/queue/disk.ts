import type { DiskTrouble } from './problems.ts';

/** Whether the spool can be read and written, and since when not. */
export class Disk {
  trouble: DiskTrouble | undefined;
  readonly #onError: (what: string, error: unknown) => void;

  constructor(onError: (what: string, error: unknown) => void) {
    this.#onError = onError;
  }

  /** A spool that cannot be read now must not end the process, which holds outcomes that are not written yet. Answers whether it could be. */
  guarded(look: () => void): boolean {
    try {
      look();
      return true;
    } catch (error) {
      this.failed('the spool cannot be read', error);
      return false;
    }
  }

  failed(what: string, error: unknown): void {
    this.trouble = { since: this.trouble?.since ?? Date.now(), error };
    this.#onError(what, error);
  }

  works(): void {
    this.trouble = undefined;
  }
}
