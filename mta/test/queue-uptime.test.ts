/** Which part of a mail's life counts for its end: the time in which it could have left. The clock is the test's. */
import { describe, expect, it } from 'vitest';
import { isExpired } from '../queue/retry.ts';
import { Uptime, type UptimeNote } from '../queue/uptime.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const RETRY = { first: 900, cap: 14_400, jitter: 0, giveUp: 259_200 };
const ignore = (): void => {};

/** Hours at which it ran; what lies between was off. Starts with the last of them. */
function after(runs: readonly (readonly [from: number, to: number])[]): { uptime: Uptime; note: UptimeNote } {
  let note: UptimeNote | undefined;
  let uptime: Uptime | undefined;
  for (const [from, to] of runs) {
    uptime = new Uptime(note, from * HOUR, (written) => {
      note = structuredClone(written);
    });
    for (let at = from * HOUR; at <= to * HOUR; at += HOUR / 60) uptime.tick(at);
  }
  return { uptime: uptime!, note: note! };
}

describe('hours that a mail has lost when the MTA was', () => {
  it.each<[string, [number, number][], created: number, lost: number]>([
    ['up all the time', [[0, 99]], 10, 0],
    [
      'restarted at once',
      [
        [0, 10],
        [10.02, 20],
      ],
      5,
      0,
    ],
    [
      'off over four days',
      [
        [0, 10],
        [106, 107],
      ],
      5,
      96,
    ],
    [
      'off before the mail came',
      [
        [0, 10],
        [106, 109],
      ],
      108,
      0,
    ],
    [
      'off when the mail came',
      [
        [0, 10],
        [106, 107],
      ],
      58,
      48,
    ],
    [
      'off twice',
      [
        [0, 10],
        [20, 30],
        [50, 60],
      ],
      5,
      30,
    ],
    [
      'off twice, the mail came between',
      [
        [0, 10],
        [20, 30],
        [50, 60],
      ],
      25,
      20,
    ],
  ])('%s', (_, runs, created, lost) => {
    expect(Math.round(after(runs).uptime.lost(created * HOUR) / HOUR)).toBe(lost);
  });

  it('never up before', () => expect(new Uptime(undefined, 99 * DAY, ignore).lost(0)).toBe(0));
});

describe('a clock that is set', () => {
  const expires = (uptime: Uptime, created: number, now: number): boolean =>
    isExpired(RETRY, created + uptime.lost(created), now);

  it('forward by years (a dead battery) leaves a mail the time that it had', () => {
    const uptime = new Uptime(undefined, 0, ignore);
    const now = 2000 * DAY;
    uptime.setForward(now - HOUR, now);
    expect(expires(uptime, 0, now)).toBe(false);
    expect(expires(uptime, 0, now + 3 * DAY - 2 * HOUR)).toBe(false);
    expect(expires(uptime, 0, now + 3 * DAY - HOUR)).toBe(true);
  });

  it('forward is still known after a restart', () => {
    let note: UptimeNote | undefined;
    new Uptime(undefined, 0, (written) => {
      note = structuredClone(written);
    }).setForward(4 * DAY, 4 * DAY + HOUR);
    const again = new Uptime(note, 4 * DAY + HOUR, ignore);
    expect(expires(again, 0, 4 * DAY + HOUR)).toBe(false);
  });

  it.each([
    ['while it runs', false],
    ['while it is off', true],
  ])('forward by mistake and back %s leaves nothing behind', (_, off) => {
    let note: UptimeNote | undefined;
    const save = (written: UptimeNote): void => {
      note = structuredClone(written);
    };
    let uptime = new Uptime(undefined, 0, save);
    uptime.setForward(4 * DAY, 4 * DAY + HOUR);
    const back = HOUR + 60_000;
    if (off) uptime = new Uptime(note, back, save);
    else uptime.setBack(back);
    // What has gone by until then.
    expect(uptime.lost(0)).toBe(60_000);
    uptime.tick(back);
    expect(note).toEqual({ seenAt: back, gaps: [{ from: HOUR, to: back }] });
  });
});
