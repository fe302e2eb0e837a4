/** A provider's limits as the form shows them: in what unit, and back to what the API takes. Pure. */
import type { LimitName, ShapingProvider } from '../../../../server/delivery/schemas.ts';

export interface Limit {
  name: LimitName;
  /** what one unit of the form is in the API's unit; none: a yes or no */
  scale?: number;
  /** in the form's unit */
  min?: number;
  max?: number;
  digits?: number;
}

/** In the order in which one thinks of them: how many at once, how fast, how much, when not, and what stops it. */
export const LIMITS: readonly Limit[] = [
  { name: 'connections', scale: 1, min: 1, max: 1000 },
  { name: 'ratePerSecond', scale: 1, min: 0.001, max: 100_000, digits: 3 },
  { name: 'messagesPerConnection', scale: 1, min: 1, max: 100_000 },
  { name: 'recipientsPerConnection', scale: 1, min: 1, max: 100_000 },
  { name: 'newConnectionsPerMinute', scale: 1, min: 1, max: 100_000 },
  { name: 'providerWide' },
  { name: 'tlsRequired' },
  { name: 'maxMessageBytes', scale: 1024 * 1024, min: 0.01, max: 900, digits: 2 },
  { name: 'avoidTopOfHour' },
  { name: 'unknownUserShare', scale: 0.01, min: 0, max: 100, digits: 2 },
  { name: 'suspendOnFailedConnection', scale: 60, min: 0, max: 10_080, digits: 2 },
];

/** '' is the built-in value; a yes or no is 'true' or 'false'. */
export type LimitField = number | 'true' | 'false' | '' | null;
export type LimitFields = Record<LimitName, LimitField>;

export function shownValue(limit: Limit, value: number | boolean): number | boolean {
  if (typeof value === 'boolean' || limit.scale === undefined) return value;
  return rounded(value / limit.scale);
}

export function fieldsOf(limits: ShapingProvider['limits']): LimitFields {
  const fields = LIMITS.map((limit) => {
    const { override } = limits[limit.name];
    const shown = override === null ? '' : shownValue(limit, override);
    return [limit.name, typeof shown === 'boolean' ? String(shown) : shown];
  });
  return Object.fromEntries(fields) as LimitFields;
}

/** Only what differs from `before`; null: back to the built-in value. */
export function changesOf(fields: LimitFields, before: LimitFields): Record<string, number | boolean | null> {
  const changes: Record<string, number | boolean | null> = {};
  for (const limit of LIMITS) {
    const value = fields[limit.name];
    if (empty(value) ? empty(before[limit.name]) : value === before[limit.name]) continue;
    changes[limit.name] = empty(value)
      ? null
      : limit.scale === undefined
        ? value === 'true'
        : whole(limit, Number(value) * limit.scale);
  }
  return changes;
}

export const outOfBounds = (limit: Limit, value: LimitField): boolean =>
  limit.scale !== undefined &&
  !empty(value) &&
  !(
    Number(value) >= limit.min! &&
    Number(value) <= limit.max! &&
    (limit.digits !== undefined || Number.isInteger(Number(value)))
  );

/** A number field that was emptied holds null. */
const empty = (value: LimitField): boolean => value === '' || value === null;
/** Bytes and seconds are whole; shares and rates are not. */
const whole = (limit: Limit, value: number): number =>
  limit.scale !== undefined && limit.scale > 1 ? Math.round(value) : rounded(value);
const rounded = (value: number): number => Math.round(value * 1e6) / 1e6;
