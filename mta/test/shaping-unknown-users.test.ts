import { describe, expect, it } from 'vitest';
import { BackOff, type ShapingVerdict } from '../shaping/back-off.ts';
import { createProfiles } from '../shaping/profiles.ts';
import { MINIMUM_SAMPLE, UnknownUsers } from '../shaping/unknown-users.ts';

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 10, 25, 1, 30);
const delivered: ShapingVerdict = { kind: 'delivered', reason: '', phase: 'dot', code: 250, reply: '250 ok' };
const unknown: ShapingVerdict = {
  kind: 'bounced',
  reason: 'unknown-user',
  phase: 'rcpt',
  code: 550,
  reply: '550 Unknown user p@docomo.ne.jp',
};
const deferred: ShapingVerdict = {
  kind: 'deferred',
  reason: 'other',
  phase: 'rcpt',
  code: 450,
  reply: '450 later',
};

const profiles = createProfiles();

/** Tells a lane of `runs` of verdicts; answers the numbers of those that brought a rest about. */
function tripped(
  provider: string,
  runs: [number, ShapingVerdict, minutes?: number][],
  lane = new BackOff(profiles.named(provider)!),
) {
  const trips: number[] = [];
  let n = 0;
  let now = NOW;
  for (const [times, verdict, minutes = 0] of runs) {
    now += minutes * MINUTE;
    for (let i = 0; i < times; i += 1) {
      n += 1;
      if (lane.observe(verdict, now).length > 0) trips.push(n);
    }
  }
  return trips;
}

describe('the share of unknown users', () => {
  const table: [string, string, [number, ShapingVerdict, number?][], number[]][] = [
    [
      '97 people and 3 unknown: 3 %, not more',
      'docomo',
      [
        [97, delivered],
        [3, unknown],
      ],
      [],
    ],
    [
      '96 people and 4 unknown',
      'docomo',
      [
        [96, delivered],
        [4, unknown],
      ],
      [100],
    ],
    [
      'the same at softbank',
      'softbank',
      [
        [96, delivered],
        [4, unknown],
      ],
      [100],
    ],
    [
      'the same where nobody asks for it',
      'gmail',
      [
        [96, delivered],
        [4, unknown],
      ],
      [],
    ],
    [
      'a small sample',
      'docomo',
      [
        [10, delivered],
        [89, unknown],
      ],
      [],
    ],
    [
      'what was put off says nothing about the address',
      'docomo',
      [
        [90, deferred],
        [6, delivered],
        [4, unknown],
      ],
      [],
    ],
    [
      'an hour later it is forgotten',
      'docomo',
      [
        [96, delivered],
        [3, unknown],
        [96, delivered, 61],
        [3, unknown],
      ],
      [],
    ],
    [
      'within the hour it counts',
      'docomo',
      [
        [96, delivered],
        [3, unknown],
        [1, unknown, 50],
      ],
      [100],
    ],
    [
      'after a rest it is counted anew',
      'docomo',
      [
        [96, delivered],
        [5, unknown],
        [95, delivered],
        [3, unknown],
      ],
      [100],
    ],
  ];
  it.each(table)('%s (%s)', (_, provider, runs, expected) => {
    expect(tripped(provider, runs)).toEqual(expected);
  });

  // 60 to 65 minutes use the same slot again, later ones find it as it was left
  it.each([61, 66, 90, 119])('is forgotten after %i minutes', (minutes) => {
    expect(
      tripped('docomo', [
        [10, delivered],
        [80, unknown],
        [96, delivered, minutes],
        [3, unknown],
      ]),
    ).toEqual([]);
  });

  it('counts no verdict that no server gave', () => {
    const ours: ShapingVerdict = { ...unknown, code: 0 };
    expect(
      tripped('docomo', [
        [99, ours],
        [1, unknown],
      ]),
    ).toEqual([]);
  });

  it('suspends the lane for an hour and says why', () => {
    const lane = new BackOff(profiles.named('docomo')!);
    tripped(
      'docomo',
      [
        [96, delivered],
        [3, unknown],
      ],
      lane,
    );
    expect(lane.observe(unknown, NOW)).toEqual([
      {
        action: { type: 'suspend' },
        since: NOW,
        until: NOW + 60 * MINUTE,
        trigger: 'unknown-users',
        times: 4,
        reply: unknown.reply,
      },
    ]);
  });

  it('is rolling, in slices of five minutes', () => {
    const users = new UnknownUsers();
    for (let minute = 0; minute < 600; minute += 1) users.count(minute % 2 === 0, NOW + minute * MINUTE);
    expect(users.count(true, NOW + 600 * MINUTE)).toBeUndefined();
    for (let n = 0; n < MINIMUM_SAMPLE; n += 1) users.count(false, NOW + 600 * MINUTE);
    // 55 minutes of one a minute (27 of them unknown), the hundred, and the two of this minute
    expect(users.count(true, NOW + 600 * MINUTE)).toEqual({ unknown: 29, answered: 157, share: 29 / 157 });
  });

  it('does not count what a clock set back has left in the future', () => {
    const users = new UnknownUsers();
    for (let n = 0; n < 200; n += 1) users.count(true, NOW + 30 * MINUTE);
    expect(users.count(true, NOW)).toBeUndefined();
  });
});
