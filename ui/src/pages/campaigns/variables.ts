import type { Attribute } from '../../../../server/audience/schemas.ts';
import type { Variable } from '../../components/editor/liquid.ts';
import { t } from '../../lib/i18n.svelte.ts';

/** What a mail may say of a person, with a fallback for those of whom it is not known. */
export function variables(attributes: readonly Attribute[]): Variable[] {
  return [
    { key: 'name', label: t('editor.variables.name'), fallback: t('editor.variables.nameFallback') },
    { key: 'email', label: t('editor.variables.email'), fallback: null },
    ...attributes.map((attribute) => ({
      key: attribute.key,
      label: attribute.label,
      fallback: '',
    })),
    { key: 'unsubscribe_url', label: t('editor.variables.unsubscribe'), fallback: null },
  ];
}
