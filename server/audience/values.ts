/**
 * Attribute values as people type them → as they are kept. Pure. Spreadsheets and forms in Japan bring full-width
 * digits, `2026/11/24`, `令和8年11月24日`, はい/いいえ: all of them mean one thing, so all of them are taken; what could
 * mean two things is refused by name.
 */
export type AttributeType = 'text' | 'number' | 'date' | 'boolean';
export type Value = string | number | boolean;
export type ValueProblem =
  | 'not-a-number'
  | 'number-too-big'
  | 'not-a-date'
  | 'no-such-day'
  | 'not-a-boolean'
  | 'text-too-long'
  | 'control-character'
  | 'invalid-bytes';
/** `value` null: empty, so there is nothing to keep. */
export type Converted = { ok: true; value: Value | null } | { ok: false; code: ValueProblem };

export const MAX_TEXT = 4000;
export const MAX_NAME = 200;

/** English, for API errors; imports have both languages (imports/reasons.ts). */
export const VALUE_MESSAGES: Record<ValueProblem, string> = {
  'not-a-number': 'should be a number such as 1200 or 3.5',
  'number-too-big': 'has more digits than can be kept exactly (15); use a text attribute',
  'not-a-date': 'should be a date such as 2026-11-24, 2026/11/24 or 令和8年11月24日',
  'no-such-day': 'is not a day of the calendar',
  'not-a-boolean': 'should be true or false (はい/いいえ, 1/0, yes/no)',
  'text-too-long': `should have at most ${MAX_TEXT} characters`,
  'control-character': 'holds a control character',
  'invalid-bytes': 'holds a character that could not be decoded (U+FFFD)',
};

const EMPTY: Converted = { ok: true, value: null };
// Line breaks and tabs may stand in texts.
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
const UNWANTED = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]/;

/** NUL and other control characters, or the mark of bytes that were no text. */
export function badCharacter(text: string): 'control-character' | 'invalid-bytes' | null {
  if (!UNWANTED.test(text)) return null;
  return text.includes('\ufffd') ? 'invalid-bytes' : 'control-character';
}

/** A person's name on one line: it goes into headers and greetings. */
export function cleanName(name: string): string {
  return name.replace(/\s+/gu, ' ').trim();
}

/** Never throws. `input` is JSON's value or a cell's text. */
export function convertValue(type: AttributeType, input: Value): Converted {
  if (typeof input === 'string') {
    const bad = badCharacter(input);
    if (bad) return { ok: false, code: bad };
    if (input.trim() === '') return EMPTY;
  }
  switch (type) {
    case 'text':
      return toText(input);
    case 'number':
      return toNumber(input);
    case 'date':
      return typeof input === 'string' ? toDate(input) : { ok: false, code: 'not-a-date' };
    case 'boolean':
      return toBoolean(input);
  }
}

function toText(input: Value): Converted {
  const value = String(input).trim();
  return value.length > MAX_TEXT ? { ok: false, code: 'text-too-long' } : { ok: true, value };
}

const PLAIN_NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)$/;
const GROUPED_NUMBER = /^[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?$/;

function toNumber(input: Value): Converted {
  if (typeof input === 'boolean') return { ok: false, code: 'not-a-number' };
  if (typeof input === 'number') {
    return Number.isFinite(input) ? { ok: true, value: input } : { ok: false, code: 'not-a-number' };
  }
  let text = input.trim();
  if (!PLAIN_NUMBER.test(text)) {
    text = halfWidth(text)
      .replace(/^[¥\\]\s*/, '')
      .replace(/\s*円$/, '');
    if (GROUPED_NUMBER.test(text)) text = text.replaceAll(',', '');
    else if (!PLAIN_NUMBER.test(text)) return { ok: false, code: 'not-a-number' };
  }
  // A member number of twenty digits would come back as another number.
  if (text.replace(/^[+-]?0*/, '').replace('.', '').length > 15) return { ok: false, code: 'number-too-big' };
  return { ok: true, value: Number(text) };
}

/** NFKC, and the dashes that Japanese keyboards give for a minus. */
function halfWidth(text: string): string {
  return text
    .normalize('NFKC')
    .replace(/[−ー‐–—]/g, '-')
    .trim();
}

/** First day, so that 昭和70年 is refused. */
const ERAS: { names: readonly string[]; from: string; to: string }[] = [
  { names: ['令和', '令', 'r'], from: '2019-05-01', to: '9999-12-31' },
  { names: ['平成', '平', 'h'], from: '1989-01-08', to: '2019-04-30' },
  { names: ['昭和', '昭', 's'], from: '1926-12-25', to: '1989-01-07' },
  { names: ['大正', '大', 't'], from: '1912-07-30', to: '1926-12-24' },
  { names: ['明治', '明', 'm'], from: '1868-01-25', to: '1912-07-29' },
];
// What nearly every file has; a match needs no more work than the look at the calendar.
const USUAL = /^(\d{4})([-/])(\d\d)\2(\d\d)$/;
// Excel writes a date cell with its time at midnight; any other time would be lost silently.
const MIDNIGHT = /[t ]0{1,2}:00(?::00(?:\.0+)?)?z?$/i;
const WESTERN = /^(\d{4})(?:([-/.])(\d{1,2})\2(\d{1,2})|年(\d{1,2})月(\d{1,2})日|(\d{2})(\d{2}))$/;
const ERA =
  /^(令和|平成|昭和|大正|明治|[令平昭大明]|[rhstm])(\d{1,2}|元)(?:年(\d{1,2})月(\d{1,2})日|([-/.])(\d{1,2})\5(\d{1,2}))$/;

function toDate(input: string): Converted {
  const usual = USUAL.exec(input);
  if (usual) return day(Number(usual[1]), Number(usual[3]), Number(usual[4]));
  const text = halfWidth(input).replace(MIDNIGHT, '').replace(/\s+/g, '').toLowerCase();
  const western = WESTERN.exec(text);
  if (western) {
    const [, year, , month1, day1, month2, day2, month3, day3] = western;
    return day(Number(year), Number(month1 ?? month2 ?? month3), Number(day1 ?? day2 ?? day3));
  }
  const japanese = ERA.exec(text);
  if (!japanese) return { ok: false, code: 'not-a-date' };
  const [, name, year, month1, day1, , month2, day2] = japanese;
  const era = ERAS.find(({ names }) => names.includes(name!))!;
  const first = Number(era.from.slice(0, 4));
  const found = day(
    first - 1 + (year === '元' ? 1 : Number(year)),
    Number(month1 ?? month2),
    Number(day1 ?? day2),
  );
  if (found.ok && (String(found.value) < era.from || String(found.value) > era.to)) {
    return { ok: false, code: 'no-such-day' };
  }
  return found;
}

const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function day(year: number, month: number, date: number): Converted {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const last = month === 2 && !leap ? 28 : (DAYS[month - 1] ?? 0);
  if (year < 1 || date < 1 || date > last) return { ok: false, code: 'no-such-day' };
  const years = year > 999 ? year : String(year).padStart(4, '0');
  return { ok: true, value: `${years}-${month > 9 ? '' : '0'}${month}-${date > 9 ? '' : '0'}${date}` };
}

const YES = new Set([
  '1',
  'true',
  't',
  'yes',
  'y',
  'on',
  'はい',
  '有',
  'あり',
  '有り',
  '○',
  '◯',
  '〇',
  '◎',
  '✓',
  '✔',
  'オン',
  '真',
]);
const NO = new Set([
  '0',
  'false',
  'f',
  'no',
  'n',
  'off',
  'いいえ',
  '無',
  'なし',
  '無し',
  '×',
  '✕',
  '✗',
  'x',
  'オフ',
  '偽',
]);

function toBoolean(input: Value): Converted {
  if (typeof input === 'boolean') return { ok: true, value: input };
  const text = halfWidth(String(input)).toLowerCase();
  if (YES.has(text)) return { ok: true, value: true };
  if (NO.has(text)) return { ok: true, value: false };
  return { ok: false, code: 'not-a-boolean' };
}
