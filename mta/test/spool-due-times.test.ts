/** Times of queued mail that are set back with the clock: every mail once, whatever the slices. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DueTimes } from '../spool/due-times.ts';
import { openSpoolDb } from '../spool/open.ts';

let dataDir: string;
let db: Database;
let due: DueTimes;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'todoke-due-'));
  db = openSpoolDb(dataDir);
  due = new DueTimes(db);
});
afterEach(() => {
  db.close();
  rmSync(dataDir, { recursive: true });
});

function fill(times: readonly number[], bucketId = 1): void {
  const insert = db.prepare(
    `INSERT INTO queue (bucket_id, next_at, created_at, subscriber_id, list_id, address, merge) VALUES (?, ?, 0, 0, 0, 'a@example.com', '{}')`,
  );
  db.transaction(() => {
    for (const at of times) insert.run(bucketId, at);
  })();
}
const times = (bucketId = 1): number[] =>
  db.prepare('SELECT next_at FROM queue WHERE bucket_id = ? ORDER BY id').pluck().all(bucketId) as number[];

function shiftAll(after: number, by: number): number {
  let slices = 0;
  for (let at: number | null = after; at !== null; slices += 1) at = due.shift(1, at, by);
  return slices;
}

it.each([
  ['all at one moment', Array.from({ length: 5000 }, () => 10_000)],
  ['one after the other', Array.from({ length: 5000 }, (_, n) => 10_000 + n)],
  ['closer than the step, so that what was moved lies among what was not', [10_000, 10_500, 11_000, 12_500]],
  ['none', []],
])('%s', (_, before) => {
  fill(before);
  fill([99_999], 2);
  shiftAll(5000, 1000);
  expect(times()).toEqual(before.map((at) => at - 1000));
  expect(times(2)).toEqual([99_999]);
});

it('moves nothing that is due already', () => {
  fill([4000, 5000, 5001]);
  shiftAll(5000, 1000);
  expect(times()).toEqual([4000, 5000, 4001]);
});

it('takes 2,000 at a time', () => {
  fill(Array.from({ length: 5000 }, (_, n) => 10_000 + n));
  expect(shiftAll(5000, 1000)).toBe(3);
});

it('makes one mail due, and puts none off', () => {
  fill([4000, 9000]);
  due.hasten(1, 5000);
  due.hasten(2, 5000);
  expect(times()).toEqual([4000, 5000]);
});
