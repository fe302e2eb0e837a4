/** What the file was found to be, in words. */
import { label, t } from '../../lib/i18n.svelte.ts';

export function encodingText(encoding: string): string {
  return encoding === '' ? '–' : label('encoding', encoding.toLowerCase().replaceAll(/[^a-z0-9]/g, ''), {}).replace(/^[a-z0-9]+$/, encoding);
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
