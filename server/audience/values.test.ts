import { describe, expect, test } from 'vitest';
import { type AttributeType, cleanName, convertValue, type Value } from './values.ts';

const given = (type: AttributeType, input: Value) => {
  const result = convertValue(type, input);
  return result.ok ? result.value : result.code;
};

describe('what people type, as it is kept', () => {
  test.each<[AttributeType, Value, Value | null]>([
    ['text', ' 東京都 ', '東京都'],
    ['text', '一行目\r\n二行目', '一行目\r\n二行目'],
    ['text', 12, '12'],
    ['text', '  ', null],
    ['number', '1200', 1200],
    ['number', ' -3.50 ', -3.5],
    ['number', '007', 7],
    ['number', '１２，３４５．６', 12345.6],
    ['number', '1,234,567', 1234567],
    ['number', '¥1,200', 1200],
    ['number', '１，２００円', 1200],
    ['number', '－５', -5],
    ['number', '−5', -5],
    ['number', '.5', 0.5],
    ['number', 0, 0],
    ['number', '　', null],
    ['date', '2026-11-24', '2026-11-24'],
    ['date', '2026/11/24', '2026-11-24'],
    ['date', '2026/1/4', '2026-01-04'],
    ['date', '2026.1.4', '2026-01-04'],
    ['date', '20261124', '2026-11-24'],
    ['date', '２０２６／１１／２４', '2026-11-24'],
    ['date', '2026年1月4日', '2026-01-04'],
    ['date', '2026/11/24 0:00', '2026-11-24'],
    ['date', '2026-11-24T00:00:00.000Z', '2026-11-24'],
    ['date', '2024-02-29', '2024-02-29'],
    ['date', '令和8年11月24日', '2026-11-24'],
    ['date', '令和元年5月1日', '2019-05-01'],
    ['date', 'R8.11.24', '2026-11-24'],
    ['date', '昭和６３年１月１日', '1988-01-01'],
    ['date', 'S63/1/1', '1988-01-01'],
    ['date', '平成31年4月30日', '2019-04-30'],
    ['boolean', 'はい', true],
    ['boolean', 'いいえ', false],
    ['boolean', '１', true],
    ['boolean', '0', false],
    ['boolean', 'TRUE', true],
    ['boolean', 'No', false],
    ['boolean', '○', true],
    ['boolean', '×', false],
    ['boolean', 1, true],
    ['boolean', false, false],
    ['boolean', '', null],
  ])('%s %j → %j', (type, input, expected) => expect(given(type, input)).toBe(expected));
});

describe('what is refused, by name', () => {
  test.each<[AttributeType, Value, string]>([
    ['number', 'abc', 'not-a-number'],
    ['number', '12個', 'not-a-number'],
    ['number', '1,23', 'not-a-number'],
    ['number', '1e5', 'not-a-number'],
    ['number', '0x10', 'not-a-number'],
    ['number', 'Infinity', 'not-a-number'],
    ['number', Number.NaN, 'not-a-number'],
    ['number', true, 'not-a-number'],
    ['number', '12345678901234567890', 'number-too-big'],
    ['date', '2026-02-29', 'no-such-day'],
    ['date', '2026-13-01', 'no-such-day'],
    ['date', '2026/0/10', 'no-such-day'],
    ['date', '昭和70年1月1日', 'no-such-day'],
    ['date', '令和元年4月30日', 'no-such-day'],
    ['date', '11/24/2026', 'not-a-date'],
    ['date', '2026-11/24', 'not-a-date'],
    ['date', '2026/11/24 13:45', 'not-a-date'],
    ['date', '45000', 'not-a-date'],
    ['date', 20261124, 'not-a-date'],
    ['boolean', 'たぶん', 'not-a-boolean'],
    ['boolean', 2, 'not-a-boolean'],
    ['text', 'a\0b', 'control-character'],
    ['text', 'a\u001bb', 'control-character'],
    ['text', '文字\ufffdけ', 'invalid-bytes'],
    ['number', '1\ufffd', 'invalid-bytes'],
    ['text', 'x'.repeat(4001), 'text-too-long'],
  ])('%s %j: %s', (type, input, code) => expect(given(type, input)).toBe(code));
});

test('a name is one line', () => {
  expect(cleanName('　山田　　太郎\r\n')).toBe('山田 太郎');
});
