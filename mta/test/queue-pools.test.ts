import { expect, it } from 'vitest';
import { Pools } from '../queue/pools.ts';
import type { DeliverySettings } from '../types.ts';

const source = { address: '127.0.0.2', ehlo: 'a.test', weight: 1 };
const settings = (more: Partial<DeliverySettings>): DeliverySettings => ({
  mode: 'live',
  publicUrl: '',
  tokenKey: '',
  ehloName: 'me.test',
  domains: [
    { domain: 'Pooled.test', returnPathDomain: '', dkim: [], poolId: 2 },
    { domain: 'plain.test', returnPathDomain: '', dkim: [] },
  ],
  routes: [],
  retry: { first: 1, cap: 1, jitter: 0, giveUp: 1 },
  pools: [1, 2, 3, 4].map((id) => ({ id, name: `${id}`, sources: id === 4 ? [] : [source] })),
  ...more,
});

it.each([
  // job, sending domain, pools of classes, order → pool
  [1, 'pooled.test', { bulk: 3 }, undefined, 1],
  [null, 'pooled.test', { bulk: 3 }, undefined, 2],
  [null, 'plain.test', { bulk: 3 }, undefined, 3],
  [null, 'stranger.test', { bulk: 3 }, undefined, 3],
  [null, 'plain.test', { transactional: 3 }, undefined, 'none'],
  [null, 'plain.test', {}, undefined, 'none'],
  [1, 'pooled.test', { bulk: 3 }, 3, 3],
  // One that is named and missing or empty is never replaced by the next in turn.
  [9, 'pooled.test', { bulk: 3 }, undefined, 'missing 9'],
  [4, 'pooled.test', { bulk: 3 }, undefined, 'missing 4'],
  [1, 'pooled.test', { bulk: 3 }, 9, 'missing 9'],
] as const)(
  'job %s from %s with %j, order %s: pool %s',
  (poolId, fromDomain, classPools, order, expected) => {
    const choice = new Pools(settings({ classPools })).choose({ poolId, fromDomain, class: 'bulk' }, order);
    const found =
      choice.kind === 'pool' ? choice.pool.id : choice.kind === 'none' ? 'none' : `missing ${choice.poolId}`;
    expect(found).toBe(expected);
  },
);

it('has none in sandbox mode', () => {
  const pools = new Pools(settings({ mode: 'sandbox' }));
  expect(pools.choose({ poolId: 1, fromDomain: 'pooled.test', class: 'bulk' })).toEqual({ kind: 'none' });
});
