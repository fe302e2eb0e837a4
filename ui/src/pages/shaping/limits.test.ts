import { describe, expect, it } from 'vitest';
import type { ShapingProvider } from '../../../../server/delivery/schemas.ts';
import { changesOf, fieldsOf, LIMITS, type LimitFields, outOfBounds } from './limits.ts';

const none = Object.fromEntries(LIMITS.map(({ name }) => [name, ''])) as LimitFields;
const limits = (overrides: Record<string, number | boolean>) =>
  Object.fromEntries(
    LIMITS.map(({ name }) => [
      name,
      { builtIn: null, basis: null, override: overrides[name] ?? null, effective: null },
    ]),
  ) as ShapingProvider['limits'];

it('shows overrides in units that people use', () => {
  expect(
    fieldsOf(
      limits({
        connections: 3,
        maxMessageBytes: 3_145_728,
        unknownUserShare: 0.03,
        suspendOnFailedConnection: 5400,
        tlsRequired: false,
      }),
    ),
  ).toEqual({
    ...none,
    connections: 3,
    maxMessageBytes: 3,
    unknownUserShare: 3,
    suspendOnFailedConnection: 90,
    tlsRequired: 'false',
  });
});

describe('changesOf', () => {
  it.each<[string, Partial<LimitFields>, Partial<LimitFields>, object]>([
    ['sends nothing when nothing changed', { connections: 3 }, { connections: 3 }, {}],
    [
      'takes an emptied number for the built-in value',
      { connections: null },
      { connections: 3 },
      { connections: null },
    ],
    ['takes an emptied field that was empty for no change', { connections: null }, {}, {}],
    ['sends megabytes as whole bytes', { maxMessageBytes: 1.5 }, {}, { maxMessageBytes: 1_572_864 }],
    ['sends percent as a share without a rest', { unknownUserShare: 7 }, {}, { unknownUserShare: 0.07 }],
    ['sends minutes as seconds', { suspendOnFailedConnection: 0.5 }, {}, { suspendOnFailedConnection: 30 }],
    [
      'sends a no as false',
      { avoidTopOfHour: 'false' },
      { avoidTopOfHour: 'true' },
      { avoidTopOfHour: false },
    ],
    ['sends zero as zero', { unknownUserShare: 0 }, { unknownUserShare: 3 }, { unknownUserShare: 0 }],
  ])('%s', (_, after, before, expected) => {
    expect(changesOf({ ...none, ...after }, { ...none, ...before })).toEqual(expected);
  });
});

it.each([
  ['connections', 0, true],
  ['connections', 1, false],
  ['connections', 1.5, true],
  ['ratePerSecond', 0.5, false],
  ['ratePerSecond', 0, true],
  ['unknownUserShare', 101, true],
  ['connections', '', false],
  ['connections', null, false],
] as const)('%s = %j is out of bounds: %s', (name, value, wrong) => {
  expect(outOfBounds(LIMITS.find((limit) => limit.name === name)!, value)).toBe(wrong);
});
