/** Why a row was not taken, in words for the file of rejected rows: Japanese and English, with field and value. Pure. */
import type { AddressError } from '../../../mta/index.ts';
import { MAX_NAME, MAX_TEXT, type ValueProblem } from '../values.ts';
import { type CsvProblem, MAX_RECORD } from './csv.ts';

export type RowProblem = CsvProblem | ValueProblem | AddressError['code'] | 'column-count' | 'name-too-long';
/** Not rejected, but worth knowing. */
export type RowNote = 'kept-unsubscribed';

export interface Reason {
  code: RowProblem | RowNote;
  /** the column's heading or the attribute's label */
  field: string;
  value: string;
}

const MAX_SHOWN = 100;

type Words = (field: string, value: string) => string;
const WORDS: Record<RowProblem | RowNote, { ja: Words; en: Words }> = {
  'stray-quote': {
    ja: () => '引用符（"）の位置が正しくありません。項目全体を引用符で囲み、中の引用符は "" と重ねてください',
    en: () => 'A quote (") stands where it may not. Quote the whole field and double the quotes inside',
  },
  'quote-not-closed': {
    ja: () => '引用符（"）が閉じられていません',
    en: () => 'A quote (") is not closed',
  },
  'line-too-long': {
    ja: () => `1行が長すぎます（最大 ${MAX_RECORD} 文字）`,
    en: () => `The line is too long (at most ${MAX_RECORD} characters)`,
  },
  'column-count': {
    ja: (expected, found) => `列の数が合いません（${expected}列のはずが、この行は${found}列です）`,
    en: (expected, found) => `The row has ${found} columns, not ${expected}`,
  },
  empty: { ja: () => 'メールアドレスが空です', en: () => 'The email address is empty' },
  'no-at': {
    ja: (_field, value) => `メールアドレスに @ がありません（全角の＠は使えません）:「${value}」`,
    en: (_field, value) => `The email address has no @ (a full-width ＠ does not count): "${value}"`,
  },
  'too-long': {
    ja: (_field, value) => `メールアドレスが長すぎます:「${value}」`,
    en: (_field, value) => `The email address is too long: "${value}"`,
  },
  'bad-local': {
    ja: (_field, value) => `メールアドレスの @ より前に使えない文字があります:「${value}」`,
    en: (_field, value) => `The email address holds a character that may not stand before the @: "${value}"`,
  },
  'bad-domain': {
    ja: (_field, value) => `メールアドレスの @ より後ろがドメイン名ではありません:「${value}」`,
    en: (_field, value) => `What follows the @ is not a domain name: "${value}"`,
  },
  'control-character': {
    ja: (field, value) => `「${field}」に制御文字が含まれています:「${value}」`,
    en: (field, value) => `${field} holds a control character: "${value}"`,
  },
  'invalid-bytes': {
    ja: (field, value) =>
      `「${field}」に文字として読めないデータがあります（文字コードを確認してください）:「${value}」`,
    en: (field, value) => `${field} holds bytes that are no text in this encoding: "${value}"`,
  },
  'name-too-long': {
    ja: (field, value) => `「${field}」が長すぎます（最大 ${MAX_NAME} 文字）:「${value}」`,
    en: (field, value) => `${field} is too long (at most ${MAX_NAME} characters): "${value}"`,
  },
  'text-too-long': {
    ja: (field, value) => `「${field}」が長すぎます（最大 ${MAX_TEXT} 文字）:「${value}」`,
    en: (field, value) => `${field} is too long (at most ${MAX_TEXT} characters): "${value}"`,
  },
  'not-a-number': {
    ja: (field, value) => `「${field}」が数値ではありません:「${value}」`,
    en: (field, value) => `${field} is not a number: "${value}"`,
  },
  'number-too-big': {
    ja: (field, value) =>
      `「${field}」の桁数が多すぎます（15桁まで。番号は文字の属性にしてください）:「${value}」`,
    en: (field, value) => `${field} has more than 15 digits (use a text attribute): "${value}"`,
  },
  'not-a-date': {
    ja: (field, value) =>
      `「${field}」が日付ではありません（例 2026-11-24、2026/11/24、令和8年11月24日）:「${value}」`,
    en: (field, value) => `${field} is not a date (such as 2026-11-24 or 2026/11/24): "${value}"`,
  },
  'no-such-day': {
    ja: (field, value) => `「${field}」は暦にない日付です:「${value}」`,
    en: (field, value) => `${field} is not a day of the calendar: "${value}"`,
  },
  'not-a-boolean': {
    ja: (field, value) => `「${field}」が はい・いいえ（1・0）のどちらでもありません:「${value}」`,
    en: (field, value) => `${field} is neither yes nor no (1 or 0): "${value}"`,
  },
  'kept-unsubscribed': {
    ja: () => 'このリストの配信を停止した方です。情報は更新しましたが、配信停止のままです',
    en: () => 'This person left the list. Their data was updated, they stay unsubscribed',
  },
};

export function explain(reason: Reason): { ja: string; en: string } {
  const words = WORDS[reason.code];
  const value = reason.value.length > MAX_SHOWN ? `${reason.value.slice(0, MAX_SHOWN)}…` : reason.value;
  return { ja: words.ja(reason.field, value), en: words.en(reason.field, value) };
}
