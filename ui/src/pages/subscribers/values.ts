/** Attribute values as people read and type them. */
import type { Attribute } from '../../../../server/audience/schemas.ts';
import { date, number, t } from '../../lib/i18n.svelte.ts';

type Value = string | number | boolean;

export function showValue(value: Value | undefined): string {
  if (value === undefined || value === '') return '–';
  if (typeof value === 'boolean') return value ? t('value.yes') : t('value.no');
  if (typeof value === 'number') return number(value, 6);
  // Dates come as YYYY-MM-DD: a calendar day, the same in every zone.
  return /^\d{4}-\d{2}-\d{2}$/.test(value) ? date(`${value}T12:00:00Z`) : value;
}

/** For a form's control: everything is text there. */
export function toInput(value: Value | undefined): string {
  return value === undefined ? '' : String(value);
}

/** Back again; null removes the value. */
export function fromInput(type: Attribute['type'], text: string): Value | null {
  const trimmed = text.trim();
  if (trimmed === '') return null;
  if (type === 'boolean') return trimmed === 'true';
  if (type === 'number') {
    const n = Number(trimmed.normalize('NFKC').replaceAll(',', ''));
    // Not a number: sent as typed, so that the server's answer names the field.
    return Number.isFinite(n) ? n : trimmed;
  }
  return trimmed;
}
