/** Every scope of an order against what is known of a mail, and which of several orders counts. */
import { describe, expect, it } from 'vitest';
import { Controls, concerns, type Standing } from '../queue/controls.ts';
import { CONTROL_ACTIONS, CONTROL_SCOPES, type Control } from '../types.ts';

const MAIL: Standing = {
  jobId: 7,
  sendingDomain: 'example.jp',
  domain: 'gmail.com',
  providers: ['gmail'],
  sites: ['mx:a.google.com'],
  sources: ['127.0.0.2', '127.0.0.3'],
};
const UNKNOWN: Standing = { jobId: 7, sendingDomain: 'example.jp', domain: 'gmail.com' };

const order = (more: Partial<Control>): Control => ({
  id: 1,
  scope: 'all',
  value: '',
  action: 'pause',
  routeId: null,
  poolId: null,
  reason: '',
  by: '',
  createdAt: 0,
  until: null,
  state: 'active',
  affected: 0,
  ...more,
});

const RIGHT = {
  all: '',
  domain: 'gmail.com',
  site: 'mx:a.google.com',
  provider: 'gmail',
  job: '7',
  source: '127.0.0.2',
  'sending-domain': 'example.jp',
} as const;

describe.each(CONTROL_ACTIONS)('%s', (action) => {
  it.each(CONTROL_SCOPES)('of %s speaks of the mail that it names and of no other', (scope) => {
    // A source's mail that can leave by another one is not bounced.
    const only: Standing = { ...MAIL, sources: ['127.0.0.2'] };
    expect(concerns({ scope, value: RIGHT[scope], action }, only)).toBe(true);
    expect(concerns({ scope, value: 'another', action }, only)).toBe(scope === 'all');
  });

  it('of a source that is one of two', () => {
    expect(concerns({ scope: 'source', value: '127.0.0.3', action }, MAIL)).toBe(action !== 'bounce');
  });
});

it.each([
  ['all', true],
  ['domain', true],
  ['job', true],
  ['sending-domain', true],
  ['site', undefined],
  ['provider', undefined],
  ['source', undefined],
] as const)('before the domain is looked up, %s: %s', (scope, expected) => {
  expect(concerns({ scope, value: RIGHT[scope], action: 'pause' }, UNKNOWN)).toBe(expected);
});

it('of a provider speaks of mail whose hosts are known as its by another domain', () => {
  const mail: Standing = { ...MAIL, domain: 'example.com', providers: ['generic', 'gmail'] };
  expect(concerns({ scope: 'provider', value: 'gmail', action: 'pause' }, mail)).toBe(true);
});

it.each([
  ['provider', true],
  ['site', true],
  ['domain', false],
] as const)('one of %s may only be decided after the look-up: %s', (scope, expected) => {
  for (const action of ['pause', 'reroute'] as const) {
    const controls = new Controls([order({ scope, value: RIGHT[scope], action })], 0);
    expect(controls.undecided(UNKNOWN)).toBe(expected);
    expect(controls.undecided(MAIL)).toBe(false);
  }
});

describe('of several orders', () => {
  it('the pause counts that holds longest', () => {
    const controls = new Controls(
      [
        order({ id: 1, scope: 'domain', value: 'gmail.com', until: 2000 }),
        order({ id: 2, scope: 'provider', value: 'gmail' }),
        order({ id: 3, scope: 'job', value: '7', until: 3000 }),
      ],
      1000,
    );
    expect(controls.pause(MAIL)?.id).toBe(2);
    expect(controls.pause(UNKNOWN)?.id).toBe(3);
    expect(controls.changesAt).toBe(2000);
  });

  it('the newest reroute counts', () => {
    const controls = new Controls(
      [
        order({ id: 1, action: 'reroute', routeId: 1 }),
        order({ id: 2, action: 'reroute', routeId: 2 }),
        order({ id: 3, action: 'reroute', scope: 'domain', value: 'other.test', routeId: 3 }),
      ],
      0,
    );
    expect(controls.reroute(MAIL)?.id).toBe(2);
  });

  it('those whose time is over, and those that are done, count no more', () => {
    const controls = new Controls(
      [
        order({ id: 1, until: 1000 }),
        order({ id: 2, action: 'retry', state: 'done' }),
        order({ id: 3, scope: 'source', value: '127.0.0.2' }),
        order({ id: 4, action: 'bounce' }),
      ],
      1000,
    );
    expect(controls.pauses).toEqual([]);
    expect([...controls.pausedSources.keys()]).toEqual(['127.0.0.2']);
    expect(controls.once.map(({ id }) => id)).toEqual([4]);
    expect(controls.changesAt).toBe(Number.POSITIVE_INFINITY);
  });
});
