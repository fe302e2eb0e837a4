import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Days } from '../routing/days.ts';
import { capOf, isHeld, onDay, PLAN, WarmUps, type WarmUpWriter } from '../routing/warm-up.ts';
import type { IpPool, WarmUpRow } from '../types.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** epoch ms of a time in Japan */
const japan = (time: string): number => Date.parse(`${time}+09:00`);
const row = (more: Partial<WarmUpRow> = {}): WarmUpRow => ({
  source: '192.0.2.1',
  provider: 'gmail',
  day: '2026-11-01',
  step: 0,
  sent: 0,
  deferred: 0,
  ...more,
});
const pools = (startedAt = japan('2026-11-01T10:00'), plan?: number[]): IpPool[] => [
  {
    id: 1,
    name: 'new',
    sources: [
      { address: '192.0.2.1', ehlo: 'mx1.example.jp', weight: 1, warmUp: { startedAt, plan } },
      { address: '192.0.2.2', ehlo: 'mx2.example.jp', weight: 1 },
    ],
  },
];

/** Takes what is written. */
function recorder() {
  const written: unknown[] = [];
  const writer: WarmUpWriter = {
    write(rows) {
      written.push(...rows);
      return [];
    },
  };
  return { written, writer };
}

describe('the plan', () => {
  /** The caps of so many days, each told what was sent and deferred (undefined: the whole cap; null: no mail at all). */
  function caps(days: (undefined | null | [sent: number, deferred: number])[]): number[] {
    let current = row();
    return days.map((told, n) => {
      const day = new Date(Date.UTC(2026, 10, 1 + n)).toISOString().slice(0, 10);
      const today = onDay(current, day);
      const cap = capOf(today.step);
      if (told !== null) {
        const [sent, deferred] = told ?? [cap, 0];
        current = { ...today, day, sent, deferred };
      }
      return cap;
    });
  }
  const whole = <T>(times: number, value: T): T[] => Array.from({ length: times }, () => value);

  it('grows every day until there is no cap any more', () => {
    expect(caps(whole(18, undefined))).toEqual([
      50,
      100,
      250,
      500,
      1000,
      2500,
      5000,
      7500,
      10_000,
      15_000,
      20_000,
      30_000,
      40_000,
      55_000,
      70_000,
      100_000,
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
  });

  const table: [string, Parameters<typeof caps>[0], number[]][] = [
    ['10 % of deferrals are bearable', [[50, 5], [100, 10], undefined], [50, 100, 250]],
    ['more hold the step until they are over', [[50, 6], [50, 11], [50, 0], undefined], [50, 50, 50, 100]],
    [
      'a day that used less than four fifths earns nothing',
      [
        [39, 0],
        [40, 0],
        [99, 0],
      ],
      [50, 50, 100],
    ],
    [
      'days without mail earn nothing either',
      [undefined, null, null, undefined, undefined],
      [50, 100, 100, 100, 250],
    ],
    [
      'a month of silence begins anew',
      [undefined, undefined, ...whole(30, null), undefined, undefined],
      [50, 100, ...whole(30, 250), 50, 100],
    ],
  ];
  it.each(table)('%s', (_, days, expected) => {
    expect(caps(days)).toEqual(expected);
  });

  it.each([
    [30, 1],
    [31, 0],
  ])('after %i days without mail the step is %i', (days, step) => {
    const day = new Date(Date.UTC(2026, 10, 1 + days)).toISOString().slice(0, 10);
    expect(onDay(row({ step: 1, sent: 10 }), day).step).toBe(step);
    expect(onDay(row({ step: PLAN.length, sent: 10 }), day).step).toBe(step === 0 ? 0 : PLAN.length);
  });

  it('leaves a row alone on its own day and when the clock was set back', () => {
    const today = row({ step: 3, sent: 500 });
    expect(onDay(today, '2026-11-01')).toBe(today);
    expect(onDay(today, '2026-10-20')).toBe(today);
  });

  it('is held by more than 10 % of deferrals', () => {
    expect([row(), row({ sent: 10, deferred: 1 }), row({ sent: 9, deferred: 1 })].map(isHeld)).toEqual([
      false,
      false,
      true,
    ]);
  });
});

describe('counting', () => {
  let now: number;
  let warmUps: WarmUps;
  beforeEach(() => {
    now = japan('2026-11-01T12:00');
    warmUps = new WarmUps();
    warmUps.configure(pools());
  });
  const counter = () => warmUps.counter('192.0.2.1', 'gmail')!;
  const send = (times: number, outcome: 'sent' | 'deferred' = 'sent') => {
    for (let n = 0; n < times; n += 1) counter().count(outcome, now);
  };

  it('is only of sources that warm up', () => {
    expect(warmUps.counter('192.0.2.2', 'gmail')).toBeUndefined();
    expect(warmUps.counter('192.0.2.9', 'gmail')).toBeUndefined();
    expect(counter()).toBe(counter());
  });

  it('leaves what is neither sent nor on its way, for each provider alone', () => {
    expect(counter().remaining(now)).toBe(50);
    send(20);
    send(5, 'deferred');
    counter().carrying = 3;
    expect(counter().remaining(now)).toBe(22);
    expect(warmUps.counter('192.0.2.1', 'outlook')!.remaining(now)).toBe(50);
    expect(warmUps.rows('192.0.2.1', now)).toEqual([
      {
        source: '192.0.2.1',
        provider: 'gmail',
        day: '2026-11-01',
        step: 0,
        sent: 25,
        deferred: 5,
        cap: 50,
        held: true,
      },
      {
        source: '192.0.2.1',
        provider: 'outlook',
        day: '2026-11-01',
        step: 0,
        sent: 0,
        deferred: 0,
        cap: 50,
        held: false,
      },
    ]);
  });

  it('goes on at midnight in Japan, with what is on its way', () => {
    send(48);
    counter().carrying = 2;
    expect(counter().remaining(now)).toBe(0);
    expect(warmUps.until(now)).toBe(japan('2026-11-02T00:00'));
    now = warmUps.until(now);
    expect(counter().remaining(now - 1)).toBe(0);
    expect(counter().remaining(now)).toBe(98);
    expect(warmUps.rows('192.0.2.1', now)).toMatchObject([{ day: '2026-11-02', step: 1, sent: 0, cap: 100 }]);
  });

  it('keeps the day of another time zone', () => {
    warmUps.configure(pools(), 'America/New_York');
    expect(warmUps.until(now)).toBe(Date.parse('2026-11-01T00:00-04:00'));
    // the day on which clocks are set back has 25 hours
    expect(warmUps.until(Date.parse('2026-11-01T12:00-05:00'))).toBe(Date.parse('2026-11-02T00:00-05:00'));
  });

  it('takes its own plan, and has no cap after its end', () => {
    warmUps.configure(pools(now, [2, 4]));
    send(2);
    now += DAY;
    expect(counter().remaining(now)).toBe(4);
    send(4);
    now += DAY;
    expect(counter().remaining(now)).toBe(Number.POSITIVE_INFINITY);
    expect(warmUps.rows('192.0.2.1', now)).toEqual([]);
    // and is cold again after a month of silence
    send(1);
    now += 31 * DAY;
    expect(counter().remaining(now)).toBe(2);
  });

  it('says when it is full by the clock of the machine', () => {
    warmUps.configure(pools(Date.now(), [2]));
    now = Date.now();
    send(1);
    expect(counter().full).toBe(false);
    counter().carrying = 1;
    expect(counter().full).toBe(true);
  });

  it('begins anew when the warm-up is started anew', () => {
    send(50);
    now += DAY;
    expect(counter().remaining(now)).toBe(100);
    warmUps.configure(pools(now));
    expect(counter().remaining(now)).toBe(50);
  });

  it('writes what has changed, once, and goes on after a restart', () => {
    const { written, writer } = recorder();
    warmUps.flush(writer);
    send(30);
    warmUps.flush(writer);
    warmUps.flush(writer);
    expect(written).toEqual([{ row: row({ sent: 30 }), stored: false }]);
    const again = new WarmUps();
    again.configure(pools());
    again.load([row({ sent: 30 }), row({ source: '192.0.2.2', sent: 7 })]);
    expect(again.counter('192.0.2.1', 'gmail')!.remaining(now)).toBe(20);
  });

  it('keeps what was counted when it cannot be written', () => {
    send(30);
    const full: WarmUpWriter = {
      write: () => {
        throw new Error('disk full');
      },
    };
    expect(() => warmUps.flush(full)).toThrow('disk full');
    const { written, writer } = recorder();
    warmUps.flush(writer);
    expect(written).toEqual([{ row: row({ sent: 30 }), stored: false }]);
  });

  it('begins anew when the server has removed the row, not when it was never written', () => {
    send(30);
    warmUps.load([]);
    expect(counter().remaining(now)).toBe(20);
    warmUps.flush({ write: () => [] });
    send(5);
    warmUps.load([row({ sent: 30 })]);
    expect(counter().remaining(now)).toBe(15);
    counter().carrying = 1;
    warmUps.load([]);
    expect(counter().remaining(now)).toBe(49);
  });

  it('begins anew when the row is found gone while it is written', () => {
    send(30);
    warmUps.flush({ write: () => [] });
    send(1);
    warmUps.flush({ write: (rows) => rows.map((each) => each.row) });
    expect(counter().remaining(now)).toBe(50);
    send(1);
    const { written, writer } = recorder();
    warmUps.flush(writer);
    expect(written).toEqual([{ row: row({ sent: 1 }), stored: false }]);
  });

  it('never takes more than a day allows, whatever comes when', () => {
    const event = fc.oneof(
      { weight: 6, arbitrary: fc.constant('take' as const) },
      { weight: 4, arbitrary: fc.constant('sent' as const) },
      { weight: 1, arbitrary: fc.constant('deferred' as const) },
      { weight: 1, arbitrary: fc.constant('give back' as const) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 30 * HOUR }) },
      { weight: 1, arbitrary: fc.constant('flush' as const) },
    );
    const plan = [3, 5, 9, 14];
    fc.assert(
      fc.property(fc.array(event, { maxLength: 400 }), (events) => {
        const all = new WarmUps();
        now = japan('2026-11-01T12:00');
        all.configure(pools(now, plan));
        const days = new Days();
        const one = all.counter('192.0.2.1', 'gmail')!;
        const perDay = new Map<string, number>();
        const caps = new Map<string, number>();
        for (const each of events) {
          if (typeof each === 'number') now += each;
          else if (each === 'flush') all.flush({ write: () => [] });
          else if (each === 'take') {
            if (one.remaining(now) >= 1) one.carrying += 1;
          } else if (one.carrying > 0) {
            one.carrying -= 1;
            if (each !== 'give back') {
              one.count(each, now);
              const day = days.dayOf(now);
              perDay.set(day, (perDay.get(day) ?? 0) + 1);
              caps.set(day, capOf(one.today(now).step, plan));
            }
          }
        }
        for (const [day, sent] of perDay) expect(sent).toBeLessThanOrEqual(caps.get(day)!);
        // Steps never jump: a day's cap is at most the next after the last day's that was used.
        const used = [...caps.values()].map((cap) =>
          cap === Number.POSITIVE_INFINITY ? plan.length : plan.indexOf(cap),
        );
        expect(used.every((step, n) => step <= (used[n - 1] ?? -1) + 1)).toBe(true);
      }),
    );
  });
});

describe('days', () => {
  it.each([
    ['Asia/Tokyo', '2026-11-25T00:00+09:00', '2026-11-25', '2026-11-26T00:00+09:00'],
    ['Asia/Tokyo', '2026-11-25T23:59:59.999+09:00', '2026-11-25', '2026-11-26T00:00+09:00'],
    ['UTC', '2026-11-25T00:00Z', '2026-11-25', '2026-11-26T00:00Z'],
    ['Europe/Berlin', '2026-03-29T12:00+02:00', '2026-03-29', '2026-03-30T00:00+02:00'],
    ['Europe/Berlin', '2026-10-25T00:30+02:00', '2026-10-25', '2026-10-26T00:00+01:00'],
    ['Mars/Olympus', '2026-11-25T00:00+09:00', '2026-11-25', '2026-11-26T00:00+09:00'],
  ])('%s %s is %s until %s', (zone, time, day, end) => {
    const days = new Days(zone);
    expect([days.dayOf(Date.parse(time)), days.endOf(Date.parse(time))]).toEqual([day, Date.parse(end)]);
    expect(days.dayOf(Date.parse(end) - 1)).toBe(day);
    expect(days.dayOf(Date.parse(end))).not.toBe(day);
  });
});
