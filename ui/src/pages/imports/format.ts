/** What the file was found to be, in words. */
import { hasText, i18n, label, t } from '../../lib/i18n.svelte.ts';

export function encodingText(encoding: string): string {
  if (encoding === '') return '–';
  const key = encoding.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  return hasText(`encoding.${key}`) ? label('encoding', key) : encoding;
}

export function delimiterText(delimiter: string): string {
  switch (delimiter) {
    case '':
      return '–';
    case ',':
      return t('delimiter.comma');
    case '\t':
      return t('delimiter.tab');
    case ';':
      return t('delimiter.semicolon');
    default:
      return delimiter;
  }
}

/** A failed import's `code: 日本語 (English)`: our own words for the code, else the server's in the user's language. */
export function importErrorText(error: string | null): string {
  const [, code = '', ja, en] = /^([a-z-]+): (.*?)(?: \((.*)\))?$/s.exec(error ?? '') ?? [];
  if (hasText(`importError.${code}`)) return label('importError', code);
  return (i18n.language === 'en' ? (en ?? ja) : ja) ?? error ?? t('importError.unknown');
}
