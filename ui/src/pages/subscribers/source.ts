/** Where a membership or a person came from: `import:3`, `api`, `ui`, `form:…`. */
import { label, t } from '../../lib/i18n.svelte.ts';

export function sourceText(source: string): string {
  const [kind = '', id] = source.split(':');
  if (kind === 'import' && id) return t('source.importNumber', { id });
  return label('source', kind);
}
