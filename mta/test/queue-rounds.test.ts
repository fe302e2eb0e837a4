/** Everybody gets a turn, however many there are and whatever comes and goes meanwhile. */
import { expect, it } from 'vitest';
import { Rounds } from '../queue/rounds.ts';

it('goes on where it stopped, and nobody comes twice in one go', () => {
  const rounds = new Rounds(new Set([1, 2, 3, 4, 5]));
  const goes = Array.from({ length: 6 }, () => [...rounds.next(2)]);
  expect(goes).toEqual([[1, 2], [3, 4], [5], [1, 2], [3, 4], [5]]);
  expect([...rounds.next(100)]).toEqual([1, 2, 3, 4, 5]);
});

it('meets whoever is added and misses whoever is removed, also in the middle', () => {
  const members = new Set([1, 2, 3]);
  const rounds = new Rounds(members);
  const seen: number[] = [];
  for (const each of rounds.next(10)) {
    seen.push(each);
    if (each === 1) {
      members.delete(2);
      members.add(4);
    }
    members.delete(each);
  }
  expect(seen).toEqual([1, 3, 4]);
  expect([...rounds.next(10)]).toEqual([]);
  members.add(7);
  expect([...rounds.next(10)]).toEqual([7]);
});
