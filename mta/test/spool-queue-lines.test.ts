import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Spool } from '../spool/api.ts';
import { openSpool } from '../spool/open.ts';
import type { DeliveryClass } from '../types.ts';

let dir: string;
let spool: Spool;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'todoke-lines-'));
  spool = openSpool(dir);
});
afterEach(() => {
  spool.close();
  rmSync(dir, { recursive: true, force: true });
});

const content = {
  from: { name: '', address: 'a@example.jp' },
  subject: 's',
  text: 't',
  track: { opens: false, clicks: false },
};
function queue(ref: string, kind: DeliveryClass, domains: Record<string, number>): void {
  const job = spool.createJob({ ref, class: kind, content });
  const rows = Object.entries(domains).flatMap(([domain, count]) =>
    Array.from({ length: count }, (_, i) => ({
      address: `u${i}@${domain}`,
      subscriberId: 0,
      listId: 0,
      merge: {},
    })),
  );
  spool.enqueue(job, { from: 0, to: 1, rows });
  spool.seal(job);
}
const lines = (limit: number, domain?: string) =>
  spool
    .queueLines(limit, { domain })
    .map(({ domain, class: kind, queued, due }) => [domain, kind, queued, due]);

it('adds the jobs of a class up, the biggest first, and cuts', () => {
  queue('a', 'bulk', { 'big.example': 3, 'small.example': 1 });
  queue('b', 'bulk', { 'big.example': 2, 'middle.example': 4 });
  expect(lines(10)).toEqual([
    ['big.example', 'bulk', 5, 5],
    ['middle.example', 'bulk', 4, 4],
    ['small.example', 'bulk', 1, 1],
  ]);
  expect(lines(2).map(([domain]) => domain)).toEqual(['big.example', 'middle.example']);
});

it('keeps classes apart, and finds one domain alone', () => {
  queue('a', 'bulk', { 'big.example': 3, 'small.example': 1 });
  queue('t', 'test', { 'big.example': 1 });
  expect(lines(10, 'big.example')).toEqual([
    ['big.example', 'bulk', 3, 3],
    ['big.example', 'test', 1, 1],
  ]);
  expect(lines(10, 'other.example')).toEqual([]);
});

it('shows single mails of other classes, however many bigger buckets bulk mail has', () => {
  const domains = Array.from({ length: 2100 }, (_, i) => [`d${i}.example`, 2]);
  queue('a', 'bulk', { ...Object.fromEntries(domains), 'tail.example': 1 });
  queue('m', 'transactional', { 'single.example': 1 });
  const found = lines(5000);
  expect(found).toContainEqual(['single.example', 'transactional', 1, 1]);
  // the price: the long tail is left out
  expect(found.filter(([, kind]) => kind === 'bulk')).toHaveLength(2000);
});

it('knows the oldest mail and the next attempt', () => {
  const before = Date.now();
  queue('a', 'bulk', { 'big.example': 2 });
  const [line] = spool.queueLines(1);
  expect(line!.oldestAt).toBeGreaterThanOrEqual(before);
  expect(line!.nextAt).toBe(line!.oldestAt);
});
