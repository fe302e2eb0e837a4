import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Spool } from '../spool/api.ts';
import { Claims } from '../spool/claim.ts';
import { openSpool, openSpoolDb } from '../spool/open.ts';
import { type Settlement, SettleWriter } from '../spool/settle.ts';
import { Stops } from '../spool/stops.ts';
import type { ContentSource, EnqueueRow, LedgerKind } from '../types.ts';

const content: ContentSource = {
  from: { name: '', address: 'news@example.jp' },
  subject: 'Hello',
  text: 'Hello {{ name }}',
  track: { opens: true, clicks: true },
};
const rows = (from: number, to: number, domain = 'example.com'): EnqueueRow[] =>
  Array.from({ length: to - from + 1 }, (_, n) => ({
    address: `p${from + n}@${domain}`,
    subscriberId: from + n,
    listId: 1,
    merge: { name: `N${from + n}` },
  }));

let dir: string;
let spool: Spool;
/** the MTA's connection */
let db: Database;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'todoke-spool-'));
  spool = openSpool(dir);
  db = openSpoolDb(dir);
});
afterEach(() => {
  spool.close();
  db.close();
  rmSync(dir, { recursive: true });
});

function settlement(claims: Claims, id: number, kind: LedgerKind, attempts = 0): Settlement {
  const bucket = claims
    .bucketsSince(-1)
    .find((each) =>
      claims.any(each.id, 1000, new Set(), 0, Number.MAX_SAFE_INTEGER).some((row) => row.id === id),
    )!;
  const row = claims
    .any(bucket.id, 1000, new Set(), 0, Number.MAX_SAFE_INTEGER)
    .find((each) => each.id === id)!;
  return {
    bucketId: bucket.id,
    attempts,
    retryAt: kind === 'deferred' ? Date.now() + 60_000 : 0,
    row: {
      at: Date.now(),
      kind,
      jobId: bucket.jobId,
      deliveryId: id,
      subscriberId: row.subscriberId,
      listId: row.listId,
      recipient: row.address,
      domain: bucket.domain,
      provider: 'generic',
      attempt: attempts + 1,
      code: 250,
      status: '2.0.0',
      reason: '',
      phase: 'dot',
      reply: '250 ok',
      mx: 'mx.example.com',
      sourceIp: '127.0.0.1',
      tls: '',
      tlsPolicy: '',
      ms: 3,
      link: -1,
      ip: '',
      userAgent: '',
    },
  };
}

describe('jobs and enqueueing', () => {
  it('creates a job once for its ref', () => {
    const id = spool.createJob({ ref: 'campaign:1', class: 'bulk', content });
    expect(spool.createJob({ ref: 'campaign:1', class: 'bulk', content })).toBe(id);
    expect(spool.createJob({ ref: 'campaign:2', class: 'bulk', content })).not.toBe(id);
  });

  it('takes each chunk once: a repeated one adds nothing and the cursor says where to go on', () => {
    const id = spool.createJob({ ref: 'campaign:1', class: 'bulk', content });
    expect(spool.enqueue(id, { from: 0, to: 10, rows: rows(1, 10) })).toBe(true);
    expect(spool.enqueue(id, { from: 0, to: 10, rows: rows(1, 10) })).toBe(false);
    expect(spool.enqueue(id, { from: 10, to: 25, rows: rows(11, 20) })).toBe(true);
    expect(spool.job(id)).toMatchObject({ cursor: 25, enqueued: 20, settled: 0, sealed: false });
    spool.seal(id);
    expect(spool.enqueue(id, { from: 25, to: 30, rows: rows(26, 30) })).toBe(false);
    expect(spool.queued()).toBe(20);
  });

  it('refuses chunks of a cancelled job, and never un-cancels', () => {
    const id = spool.createJob({ ref: 'campaign:1', class: 'bulk', content });
    spool.setJobState(id, 'cancelled');
    spool.setJobState(id, 'active');
    expect(spool.job(id)?.state).toBe('cancelled');
    expect(spool.enqueue(id, { from: 0, to: 1, rows: rows(1, 1) })).toBe(false);
  });

  it('accounts for an address that is none', () => {
    const id = spool.createJob({ ref: 'campaign:1', class: 'bulk', content });
    spool.enqueue(id, {
      from: 0,
      to: 1,
      rows: [{ address: 'nonsense', subscriberId: 1, listId: 1, merge: {} }],
    });
    expect(spool.job(id)?.enqueued).toBe(1);
  });

  it('keeps the file to its owner', () => {
    expect(statSync(join(dir, 'spool.db')).mode & 0o777).toBe(0o600);
  });
});

describe('claiming and settling', () => {
  it('reads over what is claimed and follows the counters to the end', () => {
    const id = spool.createJob({ ref: 'campaign:1', class: 'bulk', content });
    spool.enqueue(id, { from: 0, to: 5, rows: [...rows(1, 3), ...rows(4, 5, 'example.org')] });
    const claims = new Claims(db);
    const buckets = claims.bucketsSince(-1);
    expect(buckets.map(({ domain }) => domain)).toEqual(['example.com', 'example.org']);
    const first = claims.due(buckets[0]!.id, Date.now(), 2, new Set(), 0);
    expect(first.map(({ address }) => address)).toEqual(['p1@example.com', 'p2@example.com']);
    const claimed = new Set(first.map((row) => row.id));
    expect(claims.due(buckets[0]!.id, Date.now(), 2, claimed, 2).map(({ address }) => address)).toEqual([
      'p3@example.com',
    ]);

    const writer = new SettleWriter(db);
    writer.write([
      settlement(claims, 1, 'delivered'),
      settlement(claims, 2, 'deferred'),
      settlement(claims, 4, 'bounced'),
    ]);
    expect(spool.job(id)).toMatchObject({ settled: 2, delivered: 1, bounced: 1, suppressed: 0 });
    expect(spool.queueLines(10)).toMatchObject([
      { domain: 'example.com', class: 'bulk', queued: 2, due: 1 },
      { domain: 'example.org', queued: 1, due: 1 },
    ]);
    // a retry that is not due yet is not claimed
    expect(claims.due(buckets[0]!.id, Date.now(), 10, new Set(), 0).map((row) => row.id)).toEqual([3]);
    writer.write([
      settlement(claims, 2, 'delivered', 1),
      settlement(claims, 3, 'delivered'),
      settlement(claims, 5, 'suppressed'),
    ]);
    expect(spool.job(id)).toMatchObject({ enqueued: 5, settled: 5, delivered: 3, bounced: 1, suppressed: 1 });
    expect(spool.queueLines(10)).toEqual([]);
    expect(spool.readLedger(0, 100).map((row) => [row.id, row.kind, row.recipient])).toEqual([
      [1, 'delivered', 'p1@example.com'],
      [2, 'deferred', 'p2@example.com'],
      [3, 'bounced', 'p4@example.org'],
      [4, 'delivered', 'p2@example.com'],
      [5, 'delivered', 'p3@example.com'],
      [6, 'suppressed', 'p5@example.org'],
    ]);
    expect(spool.lastLedgerId()).toBe(6);
  });

  it('tells the MTA only of buckets that were touched since', () => {
    const id = spool.createJob({ ref: 'campaign:1', class: 'bulk', content });
    const claims = new Claims(db);
    spool.enqueue(id, { from: 0, to: 1, rows: rows(1, 1) });
    const [first] = claims.bucketsSince(-1);
    const version = claims.version();
    spool.enqueue(id, { from: 1, to: 2, rows: rows(2, 2, 'example.org') });
    expect(claims.version()).not.toBe(version);
    expect(claims.bucketsSince(first!.touched).map(({ domain }) => domain)).toEqual(['example.org']);
  });
});

describe('ledger search', () => {
  it('pages backwards under every filter', () => {
    const id = spool.createJob({ ref: 'campaign:1', class: 'bulk', content });
    spool.enqueue(id, { from: 0, to: 4, rows: rows(1, 4) });
    const claims = new Claims(db);
    new SettleWriter(db).write(
      [1, 2, 3, 4].map((n) => settlement(claims, n, n === 3 ? 'bounced' : 'delivered')),
    );
    spool.recordEvents([
      {
        kind: 'clicked',
        at: 5,
        jobId: id,
        deliveryId: 1,
        subscriberId: 1,
        listId: 1,
        link: 2,
        ip: '::1',
        userAgent: 'x',
      },
    ]);
    const ids = (filter: Parameters<Spool['searchLedger']>[0], before?: number): number[] =>
      spool.searchLedger(filter, before, 2).map((row) => row.id);
    expect(ids({})).toEqual([5, 4]);
    expect(ids({}, 4)).toEqual([3, 2]);
    expect(ids({ jobId: id, kinds: ['delivered'] })).toEqual([4, 2]);
    expect(ids({ subscriberId: 1 })).toEqual([5, 1]);
    expect(ids({ recipient: 'p3@example.com' })).toEqual([3]);
    expect(ids({ domain: 'example.net' })).toEqual([]);
    expect(ids({ to: 6 })).toEqual([5]);
    expect(spool.bounceReasons(id)).toEqual([{ reason: '', count: 1, sample: '250 ok' }]);
  });
});

describe('stops', () => {
  it('match by list or for all, until the person comes back', () => {
    const stops = new Stops();
    const claims = new Claims(db);
    const apply = (): void => claims.stopsSince(0).forEach((row) => void stops.apply(row));
    spool.stop('Taro@Example.com', 7);
    apply();
    expect(stops.match('taro@example.com', 7)).toEqual({ erased: false });
    expect(stops.match('taro@example.com', 8)).toBeUndefined();
    spool.stop('taro@example.com', 0);
    apply();
    expect(stops.match('TARO@example.com', 8)).toEqual({ erased: false });
    spool.unstop('taro@example.com', 0);
    spool.unstop('taro@example.com', 7);
    apply();
    expect(stops.match('taro@example.com', 7)).toBeUndefined();
    expect(stops.size).toBe(0);
  });
});

describe('erasing', () => {
  it('leaves no trace of the address in the files, settles what was queued, and keeps the counts', () => {
    const id = spool.createJob({ ref: 'campaign:1', class: 'bulk', content });
    const person: EnqueueRow = {
      address: 'himitsu.hanako@example.com',
      subscriberId: 9,
      listId: 1,
      merge: { name: '秘密花子' },
    };
    spool.enqueue(id, { from: 0, to: 9, rows: [...rows(1, 8), person] });
    const other = spool.createJob({ ref: 'campaign:2', class: 'bulk', content });
    spool.enqueue(other, { from: 0, to: 9, rows: [person] });
    const claims = new Claims(db);
    new SettleWriter(db).write([settlement(claims, 9, 'delivered')]);

    spool.erase(9, ['himitsu.hanako@example.com']);
    expect(spool.job(other)).toMatchObject({ enqueued: 1, settled: 1, suppressed: 1 });
    expect(
      spool.searchLedger({ subscriberId: 9 }, undefined, 10).map((row) => [row.kind, row.recipient]),
    ).toEqual([
      ['suppressed', ''],
      ['delivered', ''],
    ]);
    for (const file of ['spool.db', 'spool.db-wal']) {
      const bytes = readFileSync(join(dir, file));
      expect(bytes.includes('himitsu.hanako')).toBe(false);
      expect(bytes.includes('秘密花子')).toBe(false);
    }
  });

  it('keeps the address out of the ledger when the mail was in flight', () => {
    const id = spool.createJob({ ref: 'campaign:1', class: 'bulk', content });
    spool.enqueue(id, { from: 0, to: 1, rows: rows(1, 1) });
    const inFlight = settlement(new Claims(db), 1, 'delivered');
    spool.erase(1, ['p1@example.com']);
    new SettleWriter(db).write([inFlight]);
    expect(spool.job(id)).toMatchObject({ settled: 1, suppressed: 1, delivered: 0 });
    expect(spool.readLedger(0, 10).map((row) => [row.kind, row.recipient])).toEqual([
      ['suppressed', ''],
      ['delivered', ''],
    ]);
  });
});
