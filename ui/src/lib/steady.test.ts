import { expect, it } from 'vitest';
import { keepOrder } from './steady.ts';

const same = (row: string) => row;
it.each([
  ['keeps places when the order changes', ['c', 'a', 'b'], ['a', 'b', 'c'], ['a', 'b', 'c']],
  ['puts what is new last, in its own order', ['x', 'b', 'y', 'a'], ['a', 'b'], ['a', 'b', 'x', 'y']],
  ['closes the gap of what is gone', ['c', 'a'], ['a', 'b', 'c'], ['a', 'c']],
  ['takes the rows as they are when there was no order', ['b', 'a'], [], ['b', 'a']],
])('%s', (_, rows, order, expected) => {
  expect(keepOrder(rows, same, order)).toEqual(expected);
});
