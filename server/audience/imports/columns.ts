/** Which column is what: by its name, by a known attribute's key or label, or by what stands in it. Pure. */
import { parseAddress } from '../../../mta/index.ts';

/** `email`, `name` or an attribute's key; null: left out */
export type Target = string | null;

const EMAIL = [
  'email',
  'emailaddress',
  'mail',
  'mailaddress',
  'eメール',
  'eメールアドレス',
  'メール',
  'メールアドレス',
  'メアド',
  '電子メール',
  '電子メールアドレス',
  'アドレス',
  'pcメール',
  'pcメールアドレス',
  '携帯メール',
  '携帯メールアドレス',
  'e-mail1',
  'email1',
  'メールアドレス1',
  '送信先',
  '宛先',
  '宛先メールアドレス',
];
const NAME = [
  'name',
  'fullname',
  'displayname',
  '氏名',
  '名前',
  'お名前',
  '御名前',
  '姓名',
  '会員名',
  '顧客名',
  '担当者',
  '担当者名',
  'ご担当者名',
  'ご氏名',
  'お客様名',
  '購読者名',
  '宛名',
];

/** Case, width, spaces and punctuation do not matter in a heading. */
function plain(heading: string): string {
  return heading
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s_\-‐－・.:()[\]【】「」*※]/gu, '');
}
const EMAIL_NAMES = new Set(EMAIL.map(plain));
const NAME_NAMES = new Set(NAME.map(plain));

export interface KnownAttribute {
  key: string;
  label: string;
}

/** One target a column; each target is given once, to the first column that fits. */
export function suggestTargets(
  headers: readonly string[],
  samples: readonly (readonly string[])[],
  attributes: readonly KnownAttribute[],
): Target[] {
  const byName = new Map<string, string>();
  for (const { key, label } of attributes) byName.set(plain(label), key);
  for (const { key } of attributes) byName.set(plain(key), key);
  const taken = new Set<string>();
  const take = (target: string): Target => {
    if (taken.has(target)) return null;
    taken.add(target);
    return target;
  };
  const targets = headers.map((header) => {
    const heading = plain(header);
    if (heading === '') return null;
    if (EMAIL_NAMES.has(heading)) return take('email');
    if (NAME_NAMES.has(heading)) return take('name');
    const key = byName.get(heading);
    return key === undefined ? null : take(key);
  });
  // No heading says so (or there is none): the first column that nearly only holds addresses.
  if (!taken.has('email')) {
    const found = headers.findIndex(
      (_header, i) => targets[i] === null && holdsAddresses(samples.map((row) => row[i] ?? '')),
    );
    if (found >= 0) targets[found] = 'email';
  }
  return targets;
}

/** Is the first record a heading? A row with an address in it is a person. */
export function looksLikeHeader(first: readonly string[]): boolean {
  return !first.some((cell) => parseAddress(cell).ok);
}

function holdsAddresses(cells: readonly string[]): boolean {
  const filled = cells.filter((cell) => cell.trim() !== '');
  return filled.length > 0 && filled.filter((cell) => parseAddress(cell).ok).length >= filled.length * 0.8;
}
