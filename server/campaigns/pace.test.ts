import { expect, it } from 'vitest';
import { restAfter } from './pace.ts';

it.each([
  ['the MTA is hungry', 10, 0, 2],
  ['it has nearly enough', 10, 19_999, 2],
  ['it has enough: a fifth of the time is ours', 10, 20_000, 40],
  ['a chunk that took no time', 0, 1_000_000, 2],
  ['a slow disk: not longer than a quarter of a second', 500, 1_000_000, 250],
])('rests when %s (%d ms, %d queued → %d ms)', (_what, took, backlog, rest) => {
  expect(restAfter(took, backlog)).toBe(rest);
});
