/** How the stored content looks for one person; follows the draft's saves and keeps the last good look while an error is typed. */
import type { Subscriber } from '../../../../server/audience/schemas.ts';
import type { Preview } from '../../../../server/campaigns/schemas.ts';
import { ApiProblem, api, apiUrl, type ProblemError } from '../../lib/api.ts';
import type { Draft } from './draft.svelte.ts';

export class PreviewState {
  readonly #draft: Draft;
  subscriber = $state.raw<Subscriber | null>(null);
  #data = $state.raw<Preview | null>(null);
  #errors = $state.raw<ProblemError[]>([]);
  #failure = $state.raw<ApiProblem | null>(null);
  #src = $state('');
  #request = new AbortController();

  /** Call in a component's script. */
  constructor(draft: Draft) {
    this.#draft = draft;
    const content = $derived(
      JSON.stringify([draft.stored.subject, draft.stored.html, draft.stored.text, draft.stored.from]),
    );
    $effect(() => {
      void content;
      void this.subscriber;
      this.#load();
      return () => this.#request.abort();
    });
  }

  get data(): Preview | null {
    return this.#data;
  }
  /** what the compiler found; `pointer` is `/subject`, `/html` or `/text` */
  get errors(): ProblemError[] {
    return this.#errors;
  }
  get failure(): ApiProblem | null {
    return this.#failure;
  }
  /** of the frame, '' until something could be rendered */
  get src(): string {
    return this.#src;
  }
  /** nothing is written yet */
  get empty(): boolean {
    return this.#draft.stored.html.trim() === '' && this.#draft.stored.text.trim() === '';
  }
  /** the frame shows an older version because the newest cannot be compiled */
  get stale(): boolean {
    return this.#errors.length > 0 && this.#src !== '';
  }

  reload(): Promise<void> {
    return this.#load();
  }

  async #load(): Promise<void> {
    this.#request.abort();
    this.#request = new AbortController();
    const { signal } = this.#request;
    const { id, revision } = this.#draft.stored;
    const { html, text } = this.#draft.stored;
    if (html.trim() === '' && text.trim() === '') {
      // Nothing to render is no error while one has not begun.
      this.#data = null;
      this.#errors = [];
      this.#failure = null;
      this.#src = '';
      return;
    }
    const subscriberId = this.subscriber?.id;
    try {
      const data = await api.post<Preview>(`/campaigns/${id}/preview`, subscriberId ? { subscriberId } : {}, {
        signal,
      });
      if (signal.aborted) return;
      this.#data = data;
      this.#errors = [];
      this.#failure = null;
      this.#src = apiUrl(`/campaigns/${id}/preview.html`, { subscriberId, rev: revision });
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiProblem && error.code === 'content-invalid') {
        this.#errors = error.errors;
        this.#failure = null;
      } else
        this.#failure = error instanceof ApiProblem ? error : new ApiProblem(0, 'internal', String(error));
    }
  }
}

/**
 * The words an inbox shows after the subject: the first text of the mail, hidden preheaders included. Styles are taken
 * out before the parser sees them: it would apply this page's policy to them and complain.
 */
export function preheader(html: string, max = 90): string {
  const bare = html
    .replaceAll(/<!--[\s\S]*?-->|<(head|style|script|title)\b[\s\S]*?<\/\1\s*>/gi, '')
    .replaceAll(/\sstyle\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)/gi, '')
    // Blocks end words; their text content alone would glue them together.
    .replaceAll(/<\/?(?:p|div|td|tr|table|h\d|li|ul|ol|br)\b[^>]*>/gi, ' $&');
  const text = new DOMParser().parseFromString(bare, 'text/html').body.textContent ?? '';
  return [...text.replaceAll(INVISIBLE, ' ').replaceAll(/\s+/g, ' ').trim()].slice(0, max).join('');
}

/** Fillers that keep the text after a short preheader out of the inbox: zero-width letters, soft hyphens, grapheme joiners. */
const INVISIBLE = /\u200b|\u200c|\u200d|\u00ad|\u034f|\ufeff/g;
