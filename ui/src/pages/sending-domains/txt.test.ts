import { expect, test } from 'vitest';
import { onePiece, quotedPieces } from './txt.ts';

const long = `v=DKIM1; k=rsa; p=${'A'.repeat(400)}`;

test.each([
  ['v=spf1 -all', 'v=spf1 -all', '"v=spf1 -all"'],
  ['"v=spf1 -all"', 'v=spf1 -all', '"v=spf1 -all"'],
  ['"a" "b"', 'ab', '"ab"'],
  ['a"b', 'a"b', '"a\\"b"'],
  ['"a\\"b"', 'a"b', '"a\\"b"'],
])('%s', (value, plain, quoted) => {
  expect(onePiece(value)).toBe(plain);
  expect(quotedPieces(value)).toBe(quoted);
});

test('long values are cut into strings that fit, and come back whole', () => {
  const quoted = quotedPieces(long);
  expect(quoted.match(/"[^"]*"/g)!.every((piece) => piece.length <= 257)).toBe(true);
  expect(quoted.match(/"[^"]*"/g)).toHaveLength(2);
  expect(onePiece(quoted)).toBe(long);
});
