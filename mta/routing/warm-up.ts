/**
 * A new source earns its reputation by sending a little more each day. For each (source, provider): a daily cap that follows a plan, one
 * step a day on which something was sent. What exceeds the cap flows to a warm source of the pool or waits for the next midnight.
 */
import type { IpPool, WarmUpRow } from '../types.ts';
import { Days, daysBetween } from './days.ts';

/** Mails a day (DELIVERY.md). */
export const PLAN: readonly number[] = [
  50, 100, 250, 500, 1000, 2500, 5000, 7500, 10_000, 15_000, 20_000, 30_000, 40_000, 55_000, 70_000, 100_000,
];
/** The provider slows us: a larger step would make it worse. */
const MOST_DEFERRED = 0.1;
/** What was not sent has earned nothing: after a day of 50 mails with a cap of 1,000 the provider is not ready for 2,500. */
const LEAST_USED = 0.8;
/** Providers forget a source that is silent (Gmail and Microsoft keep about a month). */
const IDLE_DAYS = 30;

/** The row's cap; Infinity: the plan is done and the source is warm. */
export const capOf = (step: number, plan: readonly number[] = PLAN): number =>
  step >= plan.length ? Number.POSITIVE_INFINITY : plan[step]!;

/** Too much of the day's mail was deferred to go on to the next step. */
export const isHeld = ({ sent, deferred }: Pick<WarmUpRow, 'sent' | 'deferred'>): boolean =>
  sent > 0 && deferred > sent * MOST_DEFERRED;

/**
 * The row as it stands on `day`: the same object on its own day (or when the clock was set back), else a new one with the step that the
 * last day has earned and nothing sent yet. Pure.
 */
export function onDay(row: WarmUpRow, day: string, plan: readonly number[] = PLAN): WarmUpRow {
  if (day <= row.day) return row;
  const fresh = { ...row, day, sent: 0, deferred: 0 };
  if (daysBetween(row.day, day) > IDLE_DAYS) return { ...fresh, step: 0 };
  if (row.step >= plan.length) return { ...fresh, step: plan.length };
  const earned = row.sent >= plan[row.step]! * LEAST_USED && !isHeld(row);
  return { ...fresh, step: earned ? row.step + 1 : row.step };
}

/** How the rows are kept (spool/warm-ups.ts). */
export interface WarmUpWriter {
  /** `stored`: it came from there or was written before. Answers those of them that the server has removed meanwhile. */
  write(rows: readonly { row: WarmUpRow; stored: boolean }[]): WarmUpRow[];
}

interface Entry {
  row: WarmUpRow;
  /** taken and without a verdict yet; belongs to no day, so that one taken before midnight counts when it is sent */
  reserved: number;
  stored: boolean;
  dirty: boolean;
}

interface Warming {
  /** the day (YYYY-MM-DD) on which it was started; what was sent before counts for nothing */
  startDay: string;
  plan: readonly number[];
}

/** All sources that warm up. A source that does not is never limited and costs one look-up. */
export class WarmUps {
  readonly #entries = new Map<string, Entry>();
  #warming = new Map<string, Warming>();
  #days = new Days();

  /** To be called first and whenever the settings change. An address that warms up in one pool does so in all. */
  configure(pools: readonly IpPool[], timeZone?: string | undefined): void {
    this.#days = new Days(timeZone);
    this.#warming = new Map();
    for (const { address, warmUp } of pools.flatMap(({ sources }) => sources)) {
      if (!warmUp || this.#warming.has(address)) continue;
      const plan = warmUp.plan?.filter((cap) => cap > 0);
      this.#warming.set(address, {
        startDay: this.#startDay(warmUp.startedAt),
        plan: plan?.length ? plan : PLAN,
      });
    }
  }

  /** What spool.db has, at the start and after the server has changed something: a row that it removed starts anew. */
  load(rows: readonly WarmUpRow[]): void {
    const found = new Map(rows.map((row) => [keyOf(row.source, row.provider), row]));
    for (const [key, entry] of this.#entries) if (entry.stored && !found.has(key)) this.#reset(key, entry);
    for (const [key, row] of found) {
      const entry = this.#entries.get(key);
      if (!entry) this.#entries.set(key, { row, reserved: 0, stored: true, dirty: false });
    }
  }

  isWarming(source: string): boolean {
    return this.#warming.has(source);
  }

  /** How many mails the source may still take for the provider today; Infinity without a cap. */
  remaining(source: string, provider: string, now: number): number {
    const warming = this.#warming.get(source);
    if (!warming) return Number.POSITIVE_INFINITY;
    const entry = this.#entries.get(keyOf(source, provider));
    if (!entry) return capOf(0, warming.plan);
    const row = this.#today(entry, warming, now);
    return Math.max(0, capOf(row.step, warming.plan) - row.sent - entry.reserved);
  }

  /** Reserves one mail; false: today's cap is reached. Each true needs one `release` or one `count`. */
  take(source: string, provider: string, now: number): boolean {
    const warming = this.#warming.get(source);
    if (!warming) return true;
    if (this.remaining(source, provider, now) < 1) return false;
    this.#entry(source, provider, now).reserved += 1;
    return true;
  }

  /** It was not sent after all. */
  release(source: string, provider: string): void {
    const entry = this.#entries.get(keyOf(source, provider));
    if (entry) entry.reserved = Math.max(0, entry.reserved - 1);
  }

  /** It was given to the provider, which has delivered, bounced or deferred it. */
  count(source: string, provider: string, outcome: 'sent' | 'deferred', now: number): void {
    const warming = this.#warming.get(source);
    if (!warming) return;
    const entry = this.#entry(source, provider, now);
    entry.reserved = Math.max(0, entry.reserved - 1);
    entry.row = { ...this.#today(entry, warming, now) };
    entry.row.sent += 1;
    if (outcome === 'deferred') entry.row.deferred += 1;
    entry.dirty = true;
  }

  /** When waiting for `warm-up` is over: the next midnight of the time zone, epoch ms. */
  until(now: number): number {
    return this.#days.endOf(now);
  }

  /** For the status of a source; what is done is warm and left out. */
  rows(source: string, now: number): (WarmUpRow & { cap: number; held: boolean })[] {
    const warming = this.#warming.get(source);
    if (!warming) return [];
    return [...this.#entries.values()]
      .filter(({ row }) => row.source === source)
      .map((entry) => this.#today(entry, warming, now))
      .filter(({ step }) => step < warming.plan.length)
      .map((row) => ({ ...row, cap: capOf(row.step, warming.plan), held: isHeld(row) }))
      .sort((a, b) => (a.provider < b.provider ? -1 : 1));
  }

  /** Writes what has changed since the last time; when it throws, everything stays to be written. */
  flush(writer: WarmUpWriter): void {
    const dirty = [...this.#entries.values()].filter((entry) => entry.dirty);
    if (dirty.length === 0) return;
    const gone = writer.write(dirty);
    for (const entry of dirty) {
      entry.dirty = false;
      entry.stored = true;
    }
    for (const row of gone) {
      const key = keyOf(row.source, row.provider);
      this.#reset(key, this.#entries.get(key)!);
    }
  }

  #entry(source: string, provider: string, now: number): Entry {
    const key = keyOf(source, provider);
    let entry = this.#entries.get(key);
    if (!entry) {
      const row = { source, provider, day: this.#days.dayOf(now), step: 0, sent: 0, deferred: 0 };
      entry = { row, reserved: 0, stored: false, dirty: false };
      this.#entries.set(key, entry);
    }
    return entry;
  }

  #startDay(startedAt: number): string {
    return Number.isFinite(startedAt) ? this.#days.dayOf(startedAt) : '';
  }

  /** The row as it stands now; one from before the warm-up was started (again) counts for nothing. */
  #today({ row }: Entry, { startDay, plan }: Warming, now: number): WarmUpRow {
    const day = this.#days.dayOf(now);
    return row.day < startDay && startDay <= day
      ? { ...row, day, step: 0, sent: 0, deferred: 0 }
      : onDay(row, day, plan);
  }

  /** Starts anew; what is in flight is still counted. */
  #reset(key: string, entry: Entry): void {
    this.#entries.delete(key);
    if (entry.reserved === 0) return;
    const row = { ...entry.row, step: 0, sent: 0, deferred: 0 };
    this.#entries.set(key, { row, reserved: entry.reserved, stored: false, dirty: false });
  }
}

const keyOf = (source: string, provider: string): string => `${source} ${provider}`;
