import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WarmUps } from '../routing/warm-up.ts';
import { Throttles } from '../shaping/throttles.ts';
import type { Spool } from '../spool/api.ts';
import { openSpool, openSpoolDb } from '../spool/open.ts';
import { ThrottleStore } from '../spool/throttles.ts';
import { WarmUpStore } from '../spool/warm-ups.ts';
import type { Throttle, WarmUpRow } from '../types.ts';

const NOW = Date.UTC(2026, 10, 25, 1, 30);
const MINUTE = 60_000;

let dir: string;
/** the server's side */
let spool: Spool;
/** the MTA's connection */
let db: Database;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'todoke-shaping-'));
  spool = openSpool(dir);
  db = openSpoolDb(dir);
});
afterEach(() => {
  spool.close();
  db.close();
  rmSync(dir, { recursive: true });
});

describe('throttles on disk', () => {
  const throttle: Throttle = {
    id: 0,
    kind: 'rate',
    source: '192.0.2.1',
    site: 'mx:mx.example.com',
    provider: 'generic',
    sendingDomain: '',
    perMinute: 1,
    connections: 1,
    since: NOW,
    until: NOW + 90 * MINUTE,
    trigger: 'Server busy',
    times: 1,
    reply: '421 Server busy\n421 受付できません',
  };

  it('come back as they were, for the server as for the MTA', () => {
    const store = new ThrottleStore(db);
    const id = store.save(throttle);
    expect(store.load(NOW)).toEqual([{ ...throttle, id }]);
    expect(spool.throttles()).toEqual([{ ...throttle, id }]);
  });

  it('keep their id when they are prolonged', () => {
    const store = new ThrottleStore(db);
    const id = store.save(throttle);
    const other = store.save({ ...throttle, kind: 'suspend', perMinute: null, connections: null });
    expect(store.save({ ...throttle, until: null, times: 5 })).toBe(id);
    expect(store.load(NOW)).toMatchObject([
      { id, until: null, times: 5 },
      { id: other, kind: 'suspend' },
    ]);
  });

  it('go when they are over', () => {
    const store = new ThrottleStore(db);
    store.save(throttle);
    store.save({ ...throttle, kind: 'sending-domain', until: null });
    expect(store.load(NOW + 90 * MINUTE)).toHaveLength(1);
    store.removeOver(NOW + 90 * MINUTE - 1);
    expect(spool.throttles()).toHaveLength(2);
    store.removeOver(NOW + 90 * MINUTE);
    expect(spool.throttles()).toMatchObject([{ kind: 'sending-domain' }]);
  });

  it('are lifted by the server, which tells of it, and come again with a new reply', () => {
    const store = new ThrottleStore(db);
    const throttles = new Throttles(store);
    const orders = () => db.prepare(`SELECT value FROM meta WHERE key = 'orders'`).pluck().get() as number;
    const hit = {
      action: { type: 'suspend' as const },
      since: NOW,
      until: NOW + 30 * MINUTE,
      trigger: 'busy',
      times: 2,
      reply: '421 busy',
    };
    const lane = { source: '', site: 'mx:mx.example.com', provider: 'generic' };
    const before = orders();
    throttles.apply(hit, lane, '');
    throttles.flush(NOW);
    expect(orders()).toBe(before);
    const [shown] = spool.throttles();
    expect(spool.liftThrottle(shown!.id)).toBe(true);
    expect(orders()).toBe(before + 1);
    expect(throttles.load(store.load(NOW))).toMatchObject([{ id: shown!.id }]);
    expect(throttles.lane(lane, NOW).suspendedUntil).toBe(0);
    throttles.apply(hit, lane, '');
    throttles.flush(NOW);
    expect(spool.throttles()).toHaveLength(1);
    expect(spool.throttles()[0]!.id).not.toBe(shown!.id);
  });
});

describe('warm-up on disk', () => {
  const row = (more: Partial<WarmUpRow> = {}): WarmUpRow => ({
    source: '192.0.2.1',
    provider: 'gmail',
    day: '2026-11-25',
    step: 2,
    sent: 40,
    deferred: 3,
    ...more,
  });

  it('comes back as it was, for the server as for the MTA', () => {
    const store = new WarmUpStore(db);
    const rows = [row(), row({ provider: 'outlook', sent: 1 })];
    expect(store.write(rows.map((each) => ({ row: each, stored: false })))).toEqual([]);
    expect(store.write([{ row: row({ sent: 41 }), stored: true }])).toEqual([]);
    expect(store.load()).toEqual([row({ sent: 41 }), rows[1]]);
    expect(spool.warmUps()).toEqual(store.load());
  });

  it('does not bring a row back that the server has reset', () => {
    const store = new WarmUpStore(db);
    store.write([
      { row: row(), stored: false },
      { row: row({ provider: 'docomo' }), stored: false },
    ]);
    spool.resetWarmUp('192.0.2.1', 'gmail');
    const both = [row({ sent: 50 }), row({ provider: 'docomo', sent: 50 })];
    expect(store.write(both.map((each) => ({ row: each, stored: true })))).toEqual([both[0]]);
    expect(store.load()).toEqual([both[1]]);
  });

  it('forgets sources that were idle for a month', () => {
    const store = new WarmUpStore(db);
    const warmUps = new WarmUps();
    warmUps.configure([]);
    store.write([
      { row: row({ day: '2026-10-25' }), stored: false },
      { row: row({ provider: 'docomo', day: '2026-10-24' }), stored: false },
    ]);
    expect(warmUps.idleBefore(NOW)).toBe('2026-10-25');
    expect(store.removeIdle(warmUps.idleBefore(NOW))).toBe(1);
    expect(store.load()).toMatchObject([{ provider: 'gmail' }]);
  });

  it('goes on over a restart of the MTA', () => {
    const pools = [
      {
        id: 1,
        name: 'new',
        sources: [{ address: '192.0.2.1', ehlo: 'a.example', weight: 1, warmUp: { startedAt: NOW } }],
      },
    ];
    const store = new WarmUpStore(db);
    const before = new WarmUps();
    before.configure(pools);
    for (let n = 0; n < 30; n += 1) before.counter('192.0.2.1', 'gmail')!.count('sent', NOW);
    before.flush(store);
    const after = new WarmUps();
    after.configure(pools);
    after.load(store.load());
    expect(after.counter('192.0.2.1', 'gmail')!.remaining(NOW)).toBe(20);
    after.counter('192.0.2.1', 'gmail')!.count('deferred', NOW);
    after.flush(store);
    expect(spool.warmUps()).toMatchObject([{ sent: 31, deferred: 1, step: 0 }]);
  });
});
