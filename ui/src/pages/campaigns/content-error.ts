import { hasText, label } from '../../lib/i18n.svelte.ts';

/** A compile error in the writer's language; the server's English where there are no words of ours. */
export function contentErrorText(error: { code: string; message: string; value?: unknown }): string {
  const value = typeof error.value === 'string' || typeof error.value === 'number' ? String(error.value) : '';
  return hasText(`contentError.${error.code}`)
    ? label('contentError', error.code, { value }).replace(/: $/, '')
    : error.message;
}
