import { expect, it } from 'vitest';
import { bySpecificity } from './specificity.ts';

it('puts whole domains first, then longer patterns, then everything else', () => {
  expect(['*', '*.jp', 'b.jp', '*.example.jp', 'a.jp', 'long.example.jp'].sort(bySpecificity)).toEqual([
    'long.example.jp',
    'a.jp',
    'b.jp',
    '*.example.jp',
    '*.jp',
    '*',
  ]);
});
