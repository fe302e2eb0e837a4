/**
 * A draft that saves itself, and never loses what was typed: edits stay pending (and in a backup that survives a closed
 * tab) until the server has taken them. Knows no Svelte and no HTTP, so that its cases are tested as tables.
 */
export type SaveState =
  | { kind: 'saved'; at: number | null }
  /** typed, waiting for a pause in the typing */
  | { kind: 'dirty' }
  | { kind: 'saving' }
  /** the server has a newer revision than the one we edit */
  | { kind: 'conflict' }
  /** refused (`retryAt` null: another try is useless until something changes) or out of reach */
  | { kind: 'failed'; error: unknown; retryAt: number | null };

export interface Backup<P> {
  revision: number;
  edits: P;
  at: number;
}

export interface AutosaveOptions<T extends { revision: number }, P extends object> {
  save(edits: P & { revision: number }): Promise<T>;
  /** What a failed save means. */
  classify(error: unknown): 'conflict' | 'refused' | 'unreachable';
  backup: { read(): Backup<P> | null; write(backup: Backup<P>): void; clear(): void };
  onchange(): void;
  /** pause in the typing before a save, ms */
  delay?: number;
}

const FIRST_RETRY = 2_000;
const LAST_RETRY = 30_000;

export class Autosave<T extends { revision: number }, P extends object> {
  state: SaveState = { kind: 'saved', at: null };
  /** as the server last answered */
  stored: T;
  /** every edit since opening: keeps the fields as typed even where the server trims them */
  edits: P = {} as P;
  readonly #options: AutosaveOptions<T, P>;
  #pending: P = {} as P;
  #running: Promise<void> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #retries = 0;
  #closed = false;

  constructor(stored: T, options: AutosaveOptions<T, P>) {
    this.stored = stored;
    this.#options = options;
    const backup = options.backup.read();
    if (backup && Object.keys(backup.edits).length > 0) {
      this.#pending = backup.edits;
      this.edits = { ...backup.edits };
      if (backup.revision === stored.revision) {
        this.state = { kind: 'dirty' };
        this.#schedule(0);
      } else this.state = { kind: 'conflict' };
    }
  }

  /** What the screen shows. */
  get value(): T & P {
    return { ...this.stored, ...this.edits };
  }

  /** Edits that the server has not confirmed. */
  get pending(): P {
    return this.#pending;
  }

  get unsaved(): boolean {
    return this.#running !== null || Object.keys(this.#pending).length > 0;
  }

  edit(edits: Partial<P>): void {
    this.#pending = { ...this.#pending, ...edits };
    this.edits = { ...this.edits, ...edits };
    this.#writeBackup();
    if (this.state.kind !== 'conflict') {
      this.#retries = 0;
      if (!this.#running) this.state = { kind: 'dirty' };
      this.#schedule(this.#options.delay ?? 700);
    }
    this.#options.onchange();
  }

  /** Saves now what is pending; resolves when nothing is, or when a save failed. */
  async flush(): Promise<boolean> {
    clearTimeout(this.#timer);
    while (this.#running) await this.#running;
    while (this.state.kind !== 'conflict' && Object.keys(this.#pending).length > 0) {
      this.#running = this.#saveOnce();
      await this.#running;
      if (this.state.kind === 'failed') return false;
    }
    return this.state.kind === 'saved';
  }

  /** Takes what the server says of a campaign that others (or the sending itself) moved on, without touching edits. */
  refresh(stored: T): void {
    if (stored.revision < this.stored.revision) return;
    if (stored.revision > this.stored.revision && this.unsaved) return;
    this.stored = stored;
    this.#options.onchange();
  }

  /** Ends a conflict: keep my edits on top of theirs, or drop mine. */
  async resolve(keep: 'mine' | 'theirs', theirs: T): Promise<void> {
    this.stored = theirs;
    this.state = { kind: 'saved', at: null };
    if (keep === 'theirs') {
      this.#pending = {} as P;
      this.edits = {} as P;
      this.#options.backup.clear();
    } else {
      // What was saved before is theirs to change: only unsaved edits stay on top.
      this.edits = { ...this.#pending };
      this.#writeBackup();
    }
    this.#options.onchange();
    if (keep === 'mine') await this.flush();
  }

  /** Stops the timers; what is pending stays in the backup. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #schedule(delay: number): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.flush(), delay);
  }

  #writeBackup(): void {
    this.#options.backup.write({ revision: this.stored.revision, edits: this.#pending, at: Date.now() });
  }

  async #saveOnce(): Promise<void> {
    const sending = this.#pending;
    this.#pending = {} as P;
    this.state = { kind: 'saving' };
    this.#options.onchange();
    try {
      this.stored = await this.#options.save({ ...sending, revision: this.stored.revision });
      this.#retries = 0;
      if (Object.keys(this.#pending).length === 0) {
        this.state = { kind: 'saved', at: Date.now() };
        this.#options.backup.clear();
      } else {
        this.state = { kind: 'dirty' };
        this.#writeBackup();
      }
    } catch (error) {
      this.#pending = { ...sending, ...this.#pending };
      this.#writeBackup();
      const meaning = this.#options.classify(error);
      if (meaning === 'conflict') this.state = { kind: 'conflict' };
      else if (meaning === 'refused') this.state = { kind: 'failed', error, retryAt: null };
      else {
        const wait = Math.min(FIRST_RETRY * 2 ** this.#retries++, LAST_RETRY);
        this.state = { kind: 'failed', error, retryAt: Date.now() + wait };
        this.#schedule(wait);
      }
    } finally {
      this.#running = null;
      this.#options.onchange();
    }
  }
}

/** Keeps the backup in the browser; a full or forbidden store only costs the backup, never the typing. */
export function localBackup<P>(key: string): AutosaveOptions<{ revision: number }, P & object>['backup'] {
  return {
    read() {
      try {
        const text = localStorage.getItem(key);
        return text ? (JSON.parse(text) as Backup<P & object>) : null;
      } catch {
        return null;
      }
    },
    write(backup) {
      try {
        localStorage.setItem(key, JSON.stringify(backup));
      } catch {
        // quota or private mode
      }
    },
    clear() {
      try {
        localStorage.removeItem(key);
      } catch {
        // as above
      }
    },
  };
}
