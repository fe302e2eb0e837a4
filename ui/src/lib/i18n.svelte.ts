/**
 * The UI's language and its formats. `t('area.key', {n})` is typed from ja.json; `label('area', value)` is for values
 * that come from the server (states, reasons): an unknown one is shown as it is rather than hidden.
 * Times are shown in the organisation's zone (Asia/Tokyo until the settings are read), not the browser's: everybody
 * who talks about "10:00" must mean the same moment.
 */
import type ja from '../i18n/ja.json';
import { fill, flatten, type Language, type Params } from './message.ts';

type Keys<T, Prefix extends string = ''> = {
  [K in keyof T & string]: T[K] extends string ? `${Prefix}${K}` : Keys<T[K], `${Prefix}${K}.`>;
}[keyof T & string];
export type MessageKey = Keys<typeof ja>;
export type { Language, Params };

const LANGUAGE_KEY = 'todoke.language';
let language = $state<Language>('ja');
let timeZone = $state('Asia/Tokyo');
let messages = $state.raw(new Map<string, string>());

const load: Record<Language, () => Promise<{ default: object }>> = {
  ja: () => import('../i18n/ja.json'),
  en: () => import('../i18n/en.json'),
};

export const i18n = {
  get language() {
    return language;
  },
  get timeZone() {
    return timeZone;
  },
};

/** What was last used here, else what the browser asks for: only the login page depends on it. */
export function initialLanguage(): Language {
  const stored = localStorage.getItem(LANGUAGE_KEY);
  if (stored === 'ja' || stored === 'en') return stored;
  return navigator.language.startsWith('ja') ? 'ja' : 'en';
}

export async function setLanguage(next: Language): Promise<void> {
  if (messages.size > 0 && next === language) return;
  messages = flatten((await load[next]()).default);
  language = next;
  localStorage.setItem(LANGUAGE_KEY, next);
  document.documentElement.lang = next;
}

/** An IANA name; a browser that does not know it keeps the old one. */
export function setTimeZone(next: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone: next });
    timeZone = next;
  } catch {
    // kept
  }
}

export function t(key: MessageKey, params: Params = {}): string {
  return fill(messages.get(key) ?? key, params, language);
}

/** Text for a value of the server's, e.g. `label('campaignState', campaign.state)`; the value itself when there is none. */
export function label(area: string, value: string, params: Params = {}): string {
  const message = messages.get(`${area}.${value}`);
  return message === undefined ? value : fill(message, params, language);
}

export function hasText(key: string): boolean {
  return messages.has(key);
}

// ---- numbers and times

const formats = new Map<
  string,
  Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat | Intl.ListFormat
>();
function cached<
  T extends Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat | Intl.ListFormat,
>(kind: string, make: () => T): T {
  const key = `${kind}/${language}/${timeZone}`;
  let format = formats.get(key) as T | undefined;
  if (!format) {
    format = make();
    formats.set(key, format);
  }
  return format;
}

export function number(value: number, digits = 0): string {
  return cached(
    `n${digits}`,
    () => new Intl.NumberFormat(language, { maximumFractionDigits: digits }),
  ).format(value);
}

/** 0.1219 → `12.2 %` */
export function percent(share: number, digits = 1): string {
  if (!Number.isFinite(share)) return '–';
  const text = cached(
    `p${digits}`,
    () => new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  ).format(share * 100);
  return `${text} %`;
}

/** 1234567 bytes → `1.2 MB` */
export function bytes(value: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let size = value;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${number(size, unit === 0 || size >= 100 ? 0 : 1)} ${units[unit]}`;
}

type When = string | number | Date;
const at = (when: When) => new Date(when);

/** `2026/11/24 10:05` */
export function dateTime(when: When): string {
  return cached(
    'dt',
    () =>
      new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, {
        timeZone,
        year: 'numeric',
        month: language === 'en' ? 'short' : '2-digit',
        day: '2-digit',
        hour: '2-digit',
        minute: '2-digit',
      }),
  ).format(at(when));
}

/** `2026/11/24` */
export function date(when: When): string {
  return cached(
    'd',
    () =>
      new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, {
        timeZone,
        year: 'numeric',
        month: language === 'en' ? 'short' : '2-digit',
        day: '2-digit',
      }),
  ).format(at(when));
}

/** `10:05` */
export function clock(when: When): string {
  return cached(
    't',
    () =>
      new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, {
        timeZone,
        hour: '2-digit',
        minute: '2-digit',
      }),
  ).format(at(when));
}

/** For hover: to the second, with the zone's name. `2026年11月24日(火) 10:05:31 日本標準時 (Asia/Tokyo)` */
export function exactTime(when: When): string {
  const text = cached(
    'x',
    () =>
      new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, {
        timeZone,
        year: 'numeric',
        month: 'long',
        day: 'numeric',
        weekday: 'short',
        hour: '2-digit',
        minute: '2-digit',
        second: '2-digit',
        timeZoneName: 'long',
      }),
  ).format(at(when));
  return `${text} (${timeZone})`;
}

/** `3 分前`, `2 時間後` */
export function relative(when: When, now = Date.now()): string {
  const seconds = (at(when).getTime() - now) / 1000;
  const units: [Intl.RelativeTimeFormatUnit, number][] = [
    ['second', 60],
    ['minute', 60],
    ['hour', 24],
    ['day', 30],
    ['month', 12],
    ['year', Number.POSITIVE_INFINITY],
  ];
  let value = seconds;
  for (const [unit, size] of units) {
    if (Math.abs(value) < size) {
      return cached('r', () => new Intl.RelativeTimeFormat(language, { numeric: 'auto' })).format(
        Math.round(value),
        unit,
      );
    }
    value /= size;
  }
  return date(when);
}

/** What is left until then, in whole minutes from one minute on; nothing below zero. `47 分` */
export function timeLeft(until: When, now = Date.now()): string {
  const left = Math.max(0, (at(until).getTime() - now) / 1000);
  return duration(left < 60 ? left : Math.ceil(left / 60) * 60);
}

/** 5400 s → `1 時間 30 分` */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const parts: [number, MessageKey][] = [
    [Math.floor(whole / 86_400), 'unit.days'],
    [Math.floor((whole % 86_400) / 3600), 'unit.hours'],
    [Math.floor((whole % 3600) / 60), 'unit.minutes'],
    [whole % 60, 'unit.seconds'],
  ];
  const shown = parts.filter(([n]) => n > 0).slice(0, 2);
  return shown.length === 0 ? t('unit.seconds', { n: 0 }) : shown.map(([n, key]) => t(key, { n })).join(' ');
}
