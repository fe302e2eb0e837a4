import { describe, expect, it } from 'vitest';
import { cell, csv } from './csv.ts';

describe('cell', () => {
  it.each([
    ['plain', 'plain'],
    ['a,b', '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ['two\nlines', '"two\nlines"'],
    ['=1+1', "'=1+1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    [-5, '-5'],
    [true, 'true'],
    [null, ''],
    [undefined, ''],
  ])('%j is %j', (value, expected) => {
    expect(cell(value)).toBe(expected);
  });
});

it('begins with a BOM and ends every line with CRLF', () => {
  expect(csv(['氏名'], [['田中'], ['佐藤']])).toBe('\ufeff氏名\r\n田中\r\n佐藤\r\n');
});
