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

interface Plan {
  /** the day (YYYY-MM-DD) on which it was started; what was sent before counts for nothing */
  startDay: string;
  caps: readonly number[];
}

/** The count of one (source, provider); all lanes of the source to the provider's sites share it. */
export class WarmUpCounter {
  /**
   * Mails taken and neither settled nor given back: whoever takes one adds 1, and takes it off afterwards. It belongs to no day, so that a
   * mail taken before midnight counts for the day on which it is sent.
   */
  carrying = 0;
  /** for WarmUps only */
  row: WarmUpRow;
  plan: Plan;
  days: Days;
  stored = false;
  dirty = false;

  constructor(source: string, provider: string, plan: Plan, days: Days) {
    this.row = { source, provider, day: '', step: 0, sent: 0, deferred: 0 };
    this.plan = plan;
    this.days = days;
  }

  /** How many more may be taken today; Infinity: the source is warm. */
  remaining(now: number): number {
    const row = this.today(now);
    return Math.max(0, capOf(row.step, this.plan.caps) - row.sent - this.carrying);
  }

  /** Today's cap is used up, counting what is on its way. */
  get full(): boolean {
    return this.remaining(Date.now()) < 1;
  }

  /** A mail was given to the provider, which has taken or refused it (`sent`) or put it off. */
  count(outcome: 'sent' | 'deferred', now: number): void {
    const row = this.today(now);
    this.row = {
      ...row,
      sent: row.sent + 1,
      deferred: row.deferred + (outcome === 'deferred' ? 1 : 0),
    };
    this.dirty = true;
  }

  /** The row as it stands now, whether or not anything was sent today. */
  today(now: number): WarmUpRow {
    const { row, plan } = this;
    const day = this.days.dayOf(now);
    if (row.day === day) return row;
    return row.day === '' || (row.day < plan.startDay && plan.startDay <= day)
      ? { ...row, day, step: 0, sent: 0, deferred: 0 }
      : onDay(row, day, plan.caps);
  }

  /** Starts anew; what is in flight still counts. */
  reset(): void {
    this.row = { ...this.row, day: '', step: 0, sent: 0, deferred: 0 };
    this.stored = false;
    this.dirty = false;
  }
}

/** All sources that warm up. One that does not has no counters and costs nothing. */
export class WarmUps {
  readonly #counters = new Map<string, WarmUpCounter>();
  #plans = new Map<string, Plan>();
  #days = new Days();

  /** To be called before `load`, and whenever the settings change. An address that warms up in one pool does so in all. */
  configure(pools: readonly IpPool[], timeZone?: string | undefined): void {
    this.#days = new Days(timeZone);
    this.#plans = new Map();
    for (const { address, warmUp } of pools.flatMap(({ sources }) => sources)) {
      if (!warmUp || this.#plans.has(address)) continue;
      const caps = warmUp.plan?.filter((cap) => cap > 0);
      const startDay = Number.isFinite(warmUp.startedAt) ? this.#days.dayOf(warmUp.startedAt) : '';
      this.#plans.set(address, { startDay, caps: caps?.length ? caps : PLAN });
    }
    for (const counter of this.#counters.values()) {
      counter.days = this.#days;
      counter.plan = this.#plans.get(counter.row.source) ?? counter.plan;
    }
  }

  /** What spool.db has, at the start and whenever the server has changed something: a row that it removed starts anew. */
  load(rows: readonly WarmUpRow[]): void {
    const found = new Map(rows.map((row) => [keyOf(row.source, row.provider), row]));
    for (const [key, counter] of this.#counters) if (counter.stored && !found.has(key)) counter.reset();
    for (const [key, row] of found) {
      const counter = this.counter(row.source, row.provider);
      // What was counted since is only here.
      if (!counter || this.#counters.get(key)?.stored || counter.dirty) continue;
      counter.row = row;
      counter.stored = true;
    }
  }

  /** Undefined: the source does not warm up. The same object for the same pair, also after `configure` and `load`. */
  counter(source: string, provider: string): WarmUpCounter | undefined {
    const plan = this.#plans.get(source);
    if (!plan) return undefined;
    const key = keyOf(source, provider);
    let counter = this.#counters.get(key);
    if (!counter) {
      counter = new WarmUpCounter(source, provider, plan, this.#days);
      this.#counters.set(key, counter);
    }
    return counter;
  }

  /** When waiting for `warm-up` is over: the next midnight of the time zone, epoch ms. */
  until(now: number): number {
    return this.#days.endOf(now);
  }

  /** The day at which an idle row stops to matter (`WarmUpStore.removeIdle`), YYYY-MM-DD. */
  idleBefore(now: number): string {
    return this.#days.dayOf(now - (IDLE_DAYS + 1) * 86_400_000);
  }

  /** For the status of a source, by provider; what is warm is left out. */
  rows(source: string, now: number): (WarmUpRow & { cap: number; held: boolean })[] {
    const plan = this.#plans.get(source);
    if (!plan) return [];
    return [...this.#counters.values()]
      .filter(({ row }) => row.source === source)
      .map((counter) => counter.today(now))
      .filter(({ step }) => step < plan.caps.length)
      .map((row) => ({ ...row, cap: capOf(row.step, plan.caps), held: isHeld(row) }))
      .sort((a, b) => (a.provider < b.provider ? -1 : 1));
  }

  /** Writes what was counted since the last time; when it throws, everything stays to be written. An fsync: once a second will do. */
  flush(writer: WarmUpWriter): void {
    const dirty = [...this.#counters.values()].filter((counter) => counter.dirty);
    if (dirty.length === 0) return;
    const gone = writer.write(dirty.map(({ row, stored }) => ({ row, stored })));
    for (const counter of dirty) {
      counter.dirty = false;
      counter.stored = true;
    }
    for (const { source, provider } of gone) this.#counters.get(keyOf(source, provider))?.reset();
  }
}

const keyOf = (source: string, provider: string): string => `${source} ${provider}`;
