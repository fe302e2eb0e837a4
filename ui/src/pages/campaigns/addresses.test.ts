import { expect, test } from 'vitest';
import { signedBy, splitAddresses } from './addresses.ts';

test.each<[string, string[], string[]]>([
  ['a@example.jp, b@example.jp', ['a@example.jp', 'b@example.jp'], []],
  [
    'a@example.jp、b@example.jp；c@example.jp\nd@example.jp',
    ['a@example.jp', 'b@example.jp', 'c@example.jp', 'd@example.jp'],
    [],
  ],
  ['田中 花子 <hanako@example.jp>, Bob <bob@example.com>', ['hanako@example.jp', 'bob@example.com'], []],
  ['ａ＠example.jp', ['a@example.jp'], []],
  ['a@example.jp a@example.jp', ['a@example.jp'], []],
  ['a..b@docomo.ne.jp .c@ezweb.ne.jp', ['a..b@docomo.ne.jp', '.c@ezweb.ne.jp'], []],
  ['tanaka, a@b', [], ['tanaka', 'a@b']],
  ['', [], []],
])('%s', (text, addresses, invalid) => {
  expect(splitAddresses(text)).toEqual({ addresses, invalid });
});

test('a sending domain signs for itself only', () => {
  const domains = ['example.jp'];
  expect(signedBy('a@example.jp', domains)).toBe('example.jp');
  expect(signedBy('a@Example.JP', domains)).toBe('example.jp');
  expect(signedBy('a@news.example.jp', domains)).toBeUndefined();
  expect(signedBy('a@notexample.jp', domains)).toBeUndefined();
  expect(signedBy('a@', domains)).toBeUndefined();
});
