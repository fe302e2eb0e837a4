/** What an administrator may write into a shaping override, checked field by field with the value in the message. */
import type { BackoffAction, BackoffTrigger, ShapingOverride, ShapingValues } from '../types.ts';
import { compilePattern } from './pattern.ts';

export type Limit = keyof ShapingValues;

/** `[least, most]` of a whole number, `'share'` of 0…1, `'rate'` of a number above 0. */
const RANGES: { readonly [K in Limit]: readonly [number, number] | 'boolean' | 'share' | 'rate' } = {
  connections: [1, 1000],
  messagesPerConnection: [1, 100_000],
  ratePerSecond: 'rate',
  newConnectionsPerMinute: [1, 100_000],
  recipientsPerConnection: [1, 100_000],
  providerWide: 'boolean',
  tlsRequired: 'boolean',
  maxMessageBytes: [1024, 1_000_000_000],
  avoidTopOfHour: 'boolean',
  unknownUserShare: 'share',
  suspendOnFailedConnection: [0, 604_800],
};
export const LIMITS = Object.keys(RANGES) as Limit[];

const MAX_TRIGGERS = 50;
const MAX_NAMES = 200;
const PROVIDER = /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/;
const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
const DOMAIN = new RegExp(`^(?:\\*\\.)?(?:${LABEL}\\.)+${LABEL}$`);
const MX = new RegExp(`^\\.?(?:${LABEL}\\.)*${LABEL}$`);

export interface OverrideProblem {
  provider: string;
  /** 'values.connections', 'backoff.2.match' */
  field: string;
  /** English, with the value */
  message: string;
}

/** What of an override can be used (undefined: nothing), and what is wrong with the rest. */
export function usableOverride(
  input: unknown,
  isBuiltIn: (provider: string) => boolean,
): { value: ShapingOverride | undefined; problems: OverrideProblem[] } {
  const problems: OverrideProblem[] = [];
  if (!isRecord(input)) {
    return {
      value: undefined,
      problems: [{ provider: '', field: '', message: `must be an object, not ${shown(input)}` }],
    };
  }
  const provider = typeof input.provider === 'string' ? input.provider : '';
  const report = (field: string, message: string): void => void problems.push({ provider, field, message });
  if (!PROVIDER.test(provider)) {
    report(
      'provider',
      `must be a name of small letters, digits and hyphens, at most 40 characters, not ${shown(input.provider)}`,
    );
    return { value: undefined, problems };
  }
  const value: ShapingOverride = { provider, values: {} };
  if (input.label !== undefined) {
    if (typeof input.label === 'string' && input.label.trim() !== '' && input.label.length <= 100)
      value.label = input.label;
    else report('label', `must be a text of 1 to 100 characters, not ${shown(input.label)}`);
  }
  value.mx = names(
    input.mx,
    'mx',
    MX,
    "the name of a mail host, or its end with a dot ('.google.com')",
    report,
  );
  value.domains = names(input.domains, 'domains', DOMAIN, "a domain or '*.domain'", report);
  if (!isBuiltIn(provider) && !value.mx?.length && !value.domains?.length) {
    report('domains', `${provider} is no built-in provider, so it needs mx or domains`);
    return { value: undefined, problems };
  }
  Object.assign(value.values, limits(input.values, report));
  value.backoff = triggers(input.backoff, report);
  return { value, problems };
}

type Report = (field: string, message: string) => void;

function names(
  input: unknown,
  field: string,
  form: RegExp,
  what: string,
  report: Report,
): string[] | undefined {
  if (input === undefined) return undefined;
  if (!Array.isArray(input) || input.length > MAX_NAMES) {
    report(field, `must be a list of at most ${MAX_NAMES} names`);
    return undefined;
  }
  return input.filter((name, index): name is string => {
    const good = typeof name === 'string' && name.length <= 255 && form.test(name);
    if (!good) report(`${field}.${index}`, `must be ${what} in small letters, not ${shown(name)}`);
    return good;
  });
}

function limits(input: unknown, report: Report): Partial<ShapingValues> {
  if (input === undefined) return {};
  if (!isRecord(input)) {
    report('values', `must be an object, not ${shown(input)}`);
    return {};
  }
  const good = Object.entries(input).filter(([name, value]) => {
    if (value === undefined) return false;
    const wrong = Object.hasOwn(RANGES, name)
      ? wrongLimit(RANGES[name as Limit], value)
      : `is no limit; there are ${LIMITS.join(', ')}`;
    if (wrong) report(`values.${name}`, wrong);
    return !wrong;
  });
  return Object.fromEntries(good);
}

function wrongLimit(range: (typeof RANGES)[Limit], value: unknown): string | undefined {
  if (range === 'boolean')
    return typeof value === 'boolean' ? undefined : `must be true or false, not ${shown(value)}`;
  if (range === 'share')
    return isNumber(value) && value >= 0 && value <= 1
      ? undefined
      : `must be a share from 0 to 1, not ${shown(value)}`;
  if (range === 'rate')
    return isNumber(value) && value >= 0.001 && value <= 100_000
      ? undefined
      : `must be a number from 0.001 to 100000, not ${shown(value)}`;
  return wrongWhole(value, range[0], range[1]);
}

const wrongWhole = (value: unknown, least: number, most: number): string | undefined =>
  Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
    ? undefined
    : `must be a whole number from ${least} to ${most}, not ${shown(value)}`;

function triggers(input: unknown, report: Report): BackoffTrigger[] | undefined {
  if (input === undefined) return undefined;
  if (!Array.isArray(input) || input.length > MAX_TRIGGERS) {
    report('backoff', `must be a list of at most ${MAX_TRIGGERS} triggers`);
    return undefined;
  }
  return input.filter((trigger, index): trigger is BackoffTrigger => {
    const wrong = wrongTrigger(trigger);
    if (wrong) report(`backoff.${index}${wrong.field}`, wrong.message);
    return !wrong;
  });
}

function wrongTrigger(input: unknown): { field: string; message: string } | undefined {
  if (!isRecord(input)) return { field: '', message: `must be an object, not ${shown(input)}` };
  const pattern = compilePattern(input.match);
  if (!pattern.ok) return { field: '.match', message: `${shown(input.match)} ${pattern.message}` };
  const wrong = (field: string, message: string | undefined) =>
    message === undefined ? undefined : { field, message };
  return (
    wrong('.times', wrongWhole(input.times, 1, 1000)) ??
    wrong('.withinSeconds', wrongWhole(input.withinSeconds, 1, 604_800)) ??
    wrong('.forSeconds', wrongWhole(input.forSeconds, 0, 2_592_000)) ??
    wrong('.basis', wrongBasis(input.basis)) ??
    wrongAction(input.action)
  );
}

const wrongBasis = (basis: unknown): string | undefined =>
  basis === undefined || basis === 'found' || basis === 'judged'
    ? undefined
    : `must be found or judged, not ${shown(basis)}`;

const ACTIONS: readonly BackoffAction['type'][] = [
  'suspend',
  'rate',
  'connections',
  'reconnect',
  'recipient-only',
  'pause-sending-domain',
];

function wrongAction(input: unknown): { field: string; message: string } | undefined {
  const type = isRecord(input) ? (input.type as BackoffAction['type']) : undefined;
  if (!isRecord(input) || type === undefined || !ACTIONS.includes(type))
    return { field: '.action.type', message: `must be one of ${ACTIONS.join(', ')}, not ${shown(type)}` };
  const wrong = (field: string, value: unknown, most: number) => {
    const message = wrongWhole(value, 1, most);
    return message === undefined ? undefined : { field: `.action.${field}`, message };
  };
  if (type === 'connections') return wrong('count', input.count, 1000);
  if (type !== 'rate') return undefined;
  return (
    wrong('perMinute', input.perMinute, 6_000_000) ??
    (input.connections === undefined ? undefined : wrong('connections', input.connections, 1000))
  );
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

/** A value for a message: short, on one line. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
