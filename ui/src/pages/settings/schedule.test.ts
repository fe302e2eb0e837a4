import { expect, it } from 'vitest';
import { schedule } from './schedule.ts';

it.each([
  ['doubles up to the cap', { first: 900, cap: 3600, giveUp: 14_400 }, [900, 2700, 6300, 9900, 13_500]],
  ['gives up before the first try', { first: 900, cap: 900, giveUp: 600 }, []],
  ['takes nonsense while it is typed', { first: Number.NaN, cap: 1, giveUp: 1 }, []],
] as const)('%s', (_, retry, expected) => {
  expect(schedule(retry)).toEqual(expected);
});
