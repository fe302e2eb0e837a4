/**
 * A form's values, errors and sending. Server errors find their field by JSON pointer (`/from/address` → `from.address`);
 * focus goes to the first one. With `draft`, what was typed survives a closed dialog, a reload or an expired session
 * (sessionStorage: this tab only). Never give `draft` to a form with a password.
 */
import { tick } from 'svelte';
import { ApiProblem } from './api.ts';
import { fieldErrorText, problemText } from './notices.svelte.ts';

export interface FormOptions<T> {
  draft?: string;
  /** Checks before sending: field → text */
  validate?: (values: T) => Partial<Record<string, string>>;
}

export class Form<T extends object> {
  values: T = $state()!;
  #errors = $state.raw<Record<string, string>>({});
  #general = $state.raw<string>('');
  #busy = $state(false);
  #initial: string;
  readonly #options: FormOptions<T>;
  readonly #restored: boolean;
  element: HTMLElement | undefined = $state.raw();

  constructor(initial: T, options: FormOptions<T> = {}) {
    this.#options = options;
    this.#initial = JSON.stringify(initial);
    const stored = options.draft ? sessionStorage.getItem(`todoke.draft.${options.draft}`) : null;
    this.#restored = stored !== null;
    this.values = stored === null ? initial : { ...initial, ...(JSON.parse(stored) as Partial<T>) };
    if (options.draft) {
      $effect(() => {
        const text = JSON.stringify(this.values);
        if (text === this.#initial) this.forget();
        else sessionStorage.setItem(`todoke.draft.${options.draft}`, text);
      });
    }
  }

  get errors() {
    return this.#errors;
  }
  /** about the form as a whole: show it with FormProblem (Dialog does) */
  get general() {
    return this.#general;
  }
  get busy() {
    return this.#busy;
  }
  get restored() {
    return this.#restored;
  }
  /** what is typed survives a closed dialog */
  get keepsDraft() {
    return this.#options.draft !== undefined;
  }
  get dirty() {
    return JSON.stringify(this.values) !== this.#initial;
  }

  forget(): void {
    if (this.#options.draft) sessionStorage.removeItem(`todoke.draft.${this.#options.draft}`);
  }

  /** New values from the server: the form is clean again. */
  reset(values: T): void {
    this.#initial = JSON.stringify(values);
    this.values = values;
    this.#errors = {};
    this.#general = '';
    this.forget();
  }

  /** Back to what was there before anything was typed. */
  revert(): void {
    this.reset(JSON.parse(this.#initial) as T);
  }

  /** True when `send` succeeded. */
  async submit(send: (values: T) => Promise<void>): Promise<boolean> {
    if (this.#busy) return false;
    const found = Object.entries(this.#options.validate?.($state.snapshot(this.values) as T) ?? {}).filter(
      (entry): entry is [string, string] => Boolean(entry[1]),
    );
    this.#general = '';
    this.#errors = Object.fromEntries(found);
    if (found.length > 0) {
      await this.#focusFirst();
      return false;
    }
    this.#busy = true;
    try {
      await send($state.snapshot(this.values) as T);
      this.#initial = JSON.stringify(this.values);
      this.forget();
      return true;
    } catch (error) {
      this.fail(error);
      return false;
    } finally {
      this.#busy = false;
    }
  }

  fail(error: unknown): void {
    const fields = error instanceof ApiProblem ? error.errors : [];
    this.#errors = Object.fromEntries(
      fields.map((e) => [e.pointer.replace(/^\//, '').replaceAll('/', '.'), fieldErrorText(e)]),
    );
    this.#general = problemText(error);
    this.#tellTheRest();
    this.#focusFirst();
  }

  /** A refused field that this form does not show has no place for its words: they stand for the form as a whole. */
  async #tellTheRest(): Promise<void> {
    await tick();
    if (!this.element || this.element.querySelector('[aria-invalid="true"]')) return;
    const texts = [...new Set(Object.values(this.#errors))];
    if (texts.length === 0) return;
    this.#errors = {};
    this.#general = texts.join(' ');
  }

  async #focusFirst(): Promise<void> {
    await tick();
    this.element?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }
}
