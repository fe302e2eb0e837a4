import { expect, test } from 'vitest';
import { matchSpots } from './spots.ts';

const spots = (...urls: string[]) => urls.map((href) => ({ href }));
const links = (...urls: string[]) => urls.map((url, index) => ({ index, url }));

test.each([
  [
    'in order',
    links('https://a.jp/1', 'https://a.jp/2'),
    spots('https://a.jp/1', 'https://a.jp/2'),
    [
      [0, 0],
      [1, 1],
    ],
  ],
  [
    'the same address twice',
    links('https://a.jp/', 'https://a.jp/'),
    spots('https://a.jp/', 'https://a.jp/'),
    [
      [0, 0],
      [1, 1],
    ],
  ],
  [
    'an uncounted link between',
    links('https://a.jp/1', 'https://a.jp/2'),
    spots('https://a.jp/1', 'https://mail.a.jp/u/x', 'https://a.jp/2'),
    [
      [0, 0],
      [1, 2],
    ],
  ],
  [
    'a personalised address',
    links('https://a.jp/?p={{ id }}', 'https://a.jp/2'),
    spots('https://a.jp/?p=7', 'https://a.jp/2'),
    [
      [0, 0],
      [1, 1],
    ],
  ],
  ['written differently', links('https://a.jp'), spots('https://a.jp/'), [[0, 0]]],
  ['gone from the mail', links('https://a.jp/old', 'https://a.jp/2'), spots('https://a.jp/2'), [[1, 0]]],
] as const)('%s', (_, l, s, expected) => {
  expect([...matchSpots(l, s)]).toEqual(expected);
});
