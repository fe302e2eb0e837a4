import { describe, expect, it } from 'vitest';
import { PLAN } from '../../../../mta/routing/warm-up.ts';
import { blankSource, fieldsOf, inputOf, poolsOf, readPlan, STANDARD_PLAN, share } from './sources.ts';

it('shows the plan that the MTA follows', () => {
  expect(STANDARD_PLAN).toEqual(PLAN);
});

it.each([
  [1, [1, 1], 0.5],
  [3, [3, 1], 0.75],
  [1, [1], 1],
  [null, [null, 2], 0],
  [0, [0], 0],
])('share of %j in %j is %d', (weight, weights, expected) => {
  expect(share(weight, weights)).toBe(expected);
});

it.each([
  ['', null],
  ['  ', null],
  ['50, 100,250', [50, 100, 250]],
  ['50 → 100 → 250', [50, 100, 250]],
  ['５０、１００', [50, 100]],
  ['50, many', undefined],
  ['0, 100', undefined],
  ['1.5', undefined],
])('readPlan(%j)', (text, expected) => {
  expect(readPlan(text)).toEqual(expected);
});

describe('inputOf', () => {
  const fields = { address: ' 203.0.113.5 ', ehlo: 'mx.example.jp', weight: 2, warming: true, plan: '' };
  const known = { address: '203.0.113.5', ehlo: 'mx.example.jp', weight: 2 };
  const standard = { ...known, warmUp: { plan: [...STANDARD_PLAN], ownPlan: false } };
  const own = { ...known, warmUp: { plan: [10, 20], ownPlan: true } };

  it.each([
    ['starts the standard plan', fields, undefined, true],
    ['starts an own plan', { ...fields, plan: '10, 20' }, undefined, { plan: [10, 20] }],
    ['starts one for a source that had none', fields, { ...known, warmUp: null }, true],
    ['leaves a standard plan alone', fields, standard, true],
    ['leaves an own plan alone', { ...fields, plan: '10,20' }, own, true],
    ['changes the plan', { ...fields, plan: '10, 30' }, own, { plan: [10, 30] }],
    ['goes back to the standard plan', fields, own, { plan: null }],
    ['ends it', { ...fields, warming: false }, standard, false],
  ])('%s', (_, values, before, warmUp) => {
    expect(inputOf(values, before)).toEqual({
      address: '203.0.113.5',
      ehlo: 'mx.example.jp',
      weight: 2,
      warmUp,
    });
  });

  it('sends back what was read without a change', () => {
    expect(inputOf(fieldsOf(own), own)).toEqual({ ...known, warmUp: true });
  });

  it('counts an emptied weight as one', () => {
    expect(inputOf({ ...blankSource(), weight: null }, undefined).weight).toBe(1);
  });
});

it('finds the pools of an address', () => {
  const pools = [
    { id: 1, sources: [{ address: '203.0.113.1' }, { address: '203.0.113.2' }] },
    { id: 2, sources: [{ address: '203.0.113.2' }] },
  ];
  expect(poolsOf('203.0.113.2', pools).map(({ id }) => id)).toEqual([1, 2]);
  expect(poolsOf('203.0.113.9', pools)).toEqual([]);
});
