import { expect, it } from 'vitest';
import { suggestKey } from './liquid.ts';

it.each([
  ['会社名', [], 'company'],
  ['会社名', ['company'], 'company_2'],
  ['Member No.', [], 'member_no'],
  ['2nd phone', [], 'nd_phone'],
  ['好きな色', [], 'field_1'],
  ['好きな色', ['field_1'], 'field_2'],
  ['', [], 'field_1'],
] as const)('%s beside %j is %s', (label, taken, key) => {
  expect(suggestKey(label, taken)).toBe(key);
  expect(key).toMatch(/^[a-z][a-z0-9_]{0,39}$/);
});
