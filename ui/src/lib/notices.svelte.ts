/** Short notices at the corner (also read out), and questions that must be answered before something is done. */
import { ApiProblem } from './api.ts';
import { hasText, label, type Params, t } from './i18n.svelte.ts';

export interface Toast {
  id: number;
  tone: 'ok' | 'bad' | 'info';
  text: string;
  action?: { label: string; run: () => void };
}

export interface Question {
  title: string;
  /** what will happen, one sentence a line */
  lines: string[];
  /** on the button: the verb itself, never "OK" */
  confirm: string;
  danger?: boolean;
  /** on the button that does nothing, where やめる could be read as the thing itself */
  back?: string;
  /** must be typed before the button works, e.g. the number of people */
  type?: string;
  typeLabel?: string;
}

let toasts = $state.raw<Toast[]>([]);
let question = $state.raw<(Question & { answer: (yes: boolean) => void }) | null>(null);
let lastId = 0;

function add(toast: Omit<Toast, 'id'>, ms: number): void {
  const id = ++lastId;
  toasts = [...toasts.slice(-3), { id, ...toast }];
  setTimeout(() => notices.dismiss(id), ms);
}

export const notices = {
  get toasts() {
    return toasts;
  },
  get question() {
    return question;
  },
  ok(text: string, action?: Toast['action']): void {
    add({ tone: 'ok', text, ...(action && { action }) }, action ? 8000 : 4000);
  },
  info(text: string): void {
    add({ tone: 'info', text }, 6000);
  },
  bad(text: string): void {
    add({ tone: 'bad', text }, 12_000);
  },
  /** For what failed outside a form. */
  problem(error: unknown): void {
    notices.bad(problemText(error));
  },
  dismiss(id: number): void {
    toasts = toasts.filter((toast) => toast.id !== id);
  },
  /** Resolves to true only when the button was pressed. */
  ask(next: Question): Promise<boolean> {
    return new Promise((resolve) => {
      question?.answer(false);
      question = {
        ...next,
        answer: (yes) => {
          question = null;
          resolve(yes);
        },
      };
    });
  },
};

/** A problem in the user's words: what happened and what to do. Unknown programming errors say so. */
export function problemText(error: unknown): string {
  if (!(error instanceof ApiProblem)) return t('error.internal');
  return label('error', error.code, {});
}

/** One field's error in the user's words, of the very field where the code alone says little; the server's English message only where there are no words of ours. */
export function fieldErrorText(error: {
  pointer?: string;
  code: string;
  message: string;
  value?: unknown;
}): string {
  const at = `fieldErrorAt.${error.pointer?.slice(1)}`;
  if (error.code === 'value-invalid' && hasText(at)) return label('fieldErrorAt', error.pointer!.slice(1));
  const params: Params = {
    value: typeof error.value === 'string' || typeof error.value === 'number' ? error.value : '',
  };
  const text = label('fieldError', error.code, params);
  return text === error.code ? error.message : text;
}
