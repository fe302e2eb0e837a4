/** The connections of the whole MTA: how many there may be, and who gets the next one. */
import { describe, expect, it } from 'vitest';
import { socketLimits } from '../config.ts';
import { fileLimit, parseFileLimit } from '../file-limit.ts';
import type { Courier } from '../queue/courier.ts';
import type { Site } from '../queue/site.ts';
import { type SocketRank, Sockets } from '../queue/sockets.ts';

const courier = (state: 'opening' | 'busy' | 'idle' | 'stopping' = 'busy'): Courier =>
  ({ opening: state === 'opening', idle: state === 'idle', stopping: state === 'stopping' }) as Courier;

/** `open` connections, of which `opening` have no greeting yet. */
function used(open: number, opening = 0, limits = { open: 40, opening: 20 }): Sockets {
  const sockets = new Sockets(limits);
  for (let n = 0; n < open; n += 1) {
    const each = courier(n < opening ? 'opening' : 'busy');
    sockets.begun(each, 0);
    if (n >= opening) sockets.opened(each);
  }
  return sockets;
}

describe('limits', () => {
  it.each([
    ['nothing said, files enough', undefined, 65_536, { open: 2000, opening: 500 }],
    ['nothing said, no limit of files', undefined, undefined, { open: 2000, opening: 500 }],
    ['nothing said, the 1,024 files of an old system', undefined, 1024, { open: 768, opening: 192 }],
    ['said, and files enough', 8000, 20_000, { open: 8000, opening: 2000 }],
    ['said, and too few files', 8000, 1024, { open: 768, opening: 192 }],
    ['hardly any files', undefined, 64, { open: 16, opening: 8 }],
  ])('%s', (_, wanted, files, expected) => expect(socketLimits(wanted, files)).toEqual(expected));

  it.each([
    ['Max open files            1024                 524288               files     ', 1024],
    [
      'Max cpu time   unlimited  unlimited  seconds\nMax open files            65536   65536   files\n',
      65_536,
    ],
    ['Max open files            unlimited            unlimited            files     ', undefined],
    ['', undefined],
  ])('of files in %j', (text, expected) => expect(parseFileLimit(text)).toBe(expected));

  it('of this very process are found', () => expect(fileLimit()).toBeGreaterThan(0));
});

describe('a further connection for bulk mail and for urgent mail', () => {
  it.each([
    ['nothing is open', 0, 0, true, true],
    ['all but the kept ones are open', 38, 0, false, true],
    ['one less', 37, 0, true, true],
    ['all are open', 40, 0, false, false],
    ['as many are being opened as bulk mail may', 19, 19, false, true],
    ['as many are being opened as may', 20, 20, false, false],
  ])('%s', (_, open, opening, bulk, urgent) => {
    const sockets = used(open, opening);
    expect([!sockets.full(false), !sockets.full(true)]).toEqual([bulk, urgent]);
  });

  it('is there again when one has ended, or has been greeted', () => {
    const sockets = new Sockets({ open: 8, opening: 2 });
    const one = courier('opening');
    sockets.begun(one, 0);
    expect(sockets.full(false)).toBe(true);
    sockets.opened(one);
    expect(sockets.full(false)).toBe(false);
    const all = Array.from({ length: 6 }, () => courier());
    for (const each of all) {
      sockets.begun(each, 0);
      sockets.opened(each);
    }
    expect(sockets.full(false)).toBe(true);
    expect(sockets.beyondBulk).toBe(false);
    sockets.begun(courier(), 0);
    expect(sockets.beyondBulk).toBe(true);
    sockets.ended(one);
    sockets.ended(all[0]!);
    expect(sockets.full(false)).toBe(true);
    expect(sockets.beyondBulk).toBe(false);
  });
});

describe('whose turn it is', () => {
  const line = (waiting: [string, SocketRank][], sockets = used(0)): string => {
    for (const [name, rank] of waiting) sockets.wait(name as unknown as Site, rank);
    let turns = '';
    for (let site = sockets.next(); site; site = sockets.next()) turns += site as unknown as string;
    return turns;
  };
  it.each<[string, [string, SocketRank][], string]>([
    [
      'in the order of coming',
      [
        ['a', 'first'],
        ['b', 'first'],
        ['c', 'first'],
      ],
      'abc',
    ],
    [
      'once, however often it asks',
      [
        ['a', 'first'],
        ['b', 'first'],
        ['a', 'first'],
      ],
      'ab',
    ],
    [
      'urgent mail before all',
      [
        ['a', 'first'],
        ['b', 'further'],
        ['c', 'urgent'],
      ],
      'cab',
    ],
    [
      'those that have none before those that have some',
      [
        ['a', 'further'],
        ['b', 'first'],
        ['c', 'probe'],
      ],
      'bca',
    ],
    [
      'one probe after three that have not failed',
      [
        ['1', 'probe'],
        ['2', 'probe'],
        ['a', 'first'],
        ['b', 'first'],
        ['c', 'first'],
        ['d', 'first'],
      ],
      'abc1d2',
    ],
  ])('%s', (_, waiting, expected) => expect(line(waiting)).toBe(expected));

  it('only urgent mail’s where only the kept ones are left', () => {
    expect(
      line(
        [
          ['a', 'first'],
          ['b', 'urgent'],
        ],
        used(38),
      ),
    ).toBe('b');
    expect(
      line(
        [
          ['a', 'first'],
          ['b', 'urgent'],
        ],
        used(40),
      ),
    ).toBe('');
  });

  it('is nobody’s who would overtake', () => {
    const contended = (waiting: SocketRank): string => {
      const sockets = used(0);
      sockets.wait({} as Site, waiting);
      return (['urgent', 'first', 'probe', 'further'] as const)
        .filter((rank) => sockets.contended(rank))
        .join(' ');
    };
    expect(contended('urgent')).toBe('urgent first probe further');
    expect(contended('first')).toBe('first probe further');
    expect(contended('probe')).toBe('first probe further');
    expect(contended('further')).toBe('further');
  });
});

describe('those that give way', () => {
  const TURN = 30_000;
  const giving = (states: Parameters<typeof courier>[0][], ranks: SocketRank[], now: number): string => {
    const sockets = new Sockets({ open: states.length + 1, opening: 50 });
    const names = new Map<Courier, string>();
    for (const [n, state] of states.entries()) {
      const each = courier(state);
      names.set(each, `${n}${state}`);
      sockets.begun(each, n);
      if (state !== 'opening') sockets.opened(each);
    }
    for (const rank of ranks) sockets.wait({} as Site, rank);
    return sockets
      .givingWay(now)
      .map((each) => names.get(each))
      .join(' ');
  };
  it.each<[string, Parameters<typeof courier>[0][], SocketRank[], number, string]>([
    ['nobody while nobody waits', ['idle', 'busy'], [], TURN * 9, ''],
    ['idle ones', ['busy', 'idle', 'idle'], ['further', 'first', 'first'], 0, '1idle 2idle'],
    ['no more than wait', ['idle', 'idle', 'idle'], ['further'], 0, '0idle'],
    [
      'busy ones that have had their turn',
      ['busy', 'busy', 'opening'],
      ['first', 'first', 'probe'],
      TURN,
      '0busy',
    ],
    ['the idle ones first', ['busy', 'idle'], ['first'], TURN * 9, '1idle'],
    ['no busy one for a site that has one', ['busy', 'busy'], ['further', 'further'], TURN * 9, ''],
    ['one less when one is ending already', ['stopping', 'idle', 'idle'], ['first', 'first'], 0, '1idle'],
  ])('%s', (_, states, ranks, now, expected) => expect(giving(states, ranks, now)).toBe(expected));

  it('are none while it is the opening ones that are too many', () => {
    const sockets = new Sockets({ open: 100, opening: 10 });
    const idle = courier('idle');
    sockets.begun(idle, 0);
    sockets.opened(idle);
    for (let n = 0; n < 10; n += 1) sockets.begun(courier('opening'), 0);
    sockets.wait({} as Site, 'first');
    expect(sockets.givingWay(TURN * 9)).toEqual([]);
  });
});
