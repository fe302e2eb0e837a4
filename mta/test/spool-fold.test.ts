import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Spool } from '../spool/api.ts';
import { eventRow, ledgerWriter } from '../spool/ledger.ts';
import { openSpool, openSpoolDb } from '../spool/open.ts';
import type { FoldRow, LedgerRow } from '../types.ts';

let dataDir: string;
let spool: Spool;
let db: ReturnType<typeof openSpoolDb>;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'todoke-fold-'));
  spool = openSpool(dataDir);
  db = openSpoolDb(dataDir);
});
afterEach(() => {
  db.close();
  spool.close();
  rmSync(dataDir, { recursive: true });
});

const event = { at: 0, jobId: 1, deliveryId: 1, subscriberId: 1, listId: 1, link: -1, ip: '', userAgent: '' };
const base = eventRow({ ...event, kind: 'opened' });
const row: fc.Arbitrary<Omit<LedgerRow, 'id'>> = fc
  .record({
    kind: fc.constantFrom<LedgerRow['kind']>(
      'delivered',
      'delivered',
      'delivered',
      'deferred',
      'bounced',
      'opened',
    ),
    attempt: fc.constantFrom(1, 1, 1, 2),
    jobId: fc.integer({ min: 1, max: 2 }),
    provider: fc.constantFrom('gmail', 'docomo'),
    at: fc.integer({ min: 1_790_000_000_000, max: 1_790_000_150_000 }),
    recipient: fc.constantFrom('a@example.jp', 'b@example.jp'),
  })
  .map((changes) => ({ ...base, ...changes }));

/** What counters are made of. */
function addUp(rows: readonly (Omit<LedgerRow, 'id'> | FoldRow)[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const each of rows) {
    const minute = Math.floor(each.at / 60_000);
    const key = [each.jobId, each.kind, each.provider, minute, each.attempt > 1].join(' ');
    sums[key] = (sums[key] ?? 0) + ('count' in each ? each.count : 1);
  }
  return sums;
}

it('adds up to the same as the rows, in whatever portions it is read, and tells all but happy deliveries one by one', () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 60 }), fc.integer({ min: 1, max: 70 }), (rows, limit) => {
      db.exec('DELETE FROM ledger');
      const write = ledgerWriter(db);
      const ids = rows.map((each) => write(each));
      const folded: FoldRow[] = [];
      let at = (ids[0] ?? 1) - 1;
      for (;;) {
        const { through, rows: portion } = spool.foldLedger(at, limit);
        if (portion.length === 0) {
          expect(through).toBe(at);
          break;
        }
        expect(through - at).toBeLessThanOrEqual(limit);
        expect(portion.reduce((sum, { count }) => sum + count, 0)).toBe(through - at);
        folded.push(...portion);
        at = through;
      }
      expect(at).toBe(ids.at(-1) ?? at);
      expect(addUp(folded)).toEqual(addUp(rows));
      const unhappy = rows.flatMap((each, i) =>
        each.kind === 'delivered' && each.attempt === 1 ? [] : [[ids[i], each.recipient, each.at]],
      );
      const oneByOne = folded.filter(({ kind, attempt }) => kind !== 'delivered' || attempt > 1);
      expect(oneByOne.map(({ id, recipient, at: time }) => [id, recipient, time])).toEqual(unhappy);
    }),
    { numRuns: 60 },
  );
});

it('goes on behind rows that were pruned', () => {
  const write = ledgerWriter(db);
  for (let n = 0; n < 30; n += 1) write({ ...base, kind: 'delivered', attempt: 1 });
  db.exec('DELETE FROM ledger WHERE id <= 20');
  expect(spool.foldLedger(0, 5)).toMatchObject({ through: 25, rows: [{ count: 5, id: 25 }] });
});
