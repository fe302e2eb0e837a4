/** 7. A and AAAA take turns (RFC 5321 §5.1, RFC 8305 §4), and attempts are bounded. */
import { expect, it } from 'vitest';
import type { Zone } from '../dns-server.ts';
import { lookUp, targets } from '../mx-helpers.ts';
import type { Step } from '../peer.ts';
import { startSmallInternet } from '../small-internet.ts';

const NINE = Array.from({ length: 9 }, (_, i) => i + 1);

it('tries eight addresses of a large site and no more, then waits', async () => {
  const busy: Step[] = ['S: 421 4.3.2 Busy', '*** eof'];
  const addresses = NINE.map((i) => `127.7.0.${i}`);
  const net = await startSmallInternet({
    zone: {
      'large.test': { MX: NINE.map((i) => [i, `mx${i}.large.test`] as [number, string]) },
      ...Object.fromEntries(NINE.map((i) => [`mx${i}.large.test`, { A: [`127.7.0.${i}`] }])),
    },
    servers: Object.fromEntries(addresses.map((address) => [address, address === '127.7.0.9' ? [] : [busy]])),
    settings: { retry: { first: 600, cap: 600, jitter: 0, giveUp: 3600 } },
  });
  const job = net.mta.send(['taro@large.test']);
  expect(await net.mta.until(() => net.mta.ledger(job)[0])).toMatchObject({
    kind: 'deferred',
    phase: 'banner',
    code: 421,
  });
  expect(addresses.map((address) => net.servers[address]!.connections)).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 0]);
  await net.finish();
});

it('takes turns between the families, at most four addresses of a host', async () => {
  const zone: Zone = {
    'example.test': { MX: NINE.map((i) => [i, `mx${i}.test`]) },
    ...Object.fromEntries(
      NINE.map((i) => [`mx${i}.test`, { A: NINE.map((j) => `8.8.${i}.${j}`), AAAA: [`2600::${i}`] }]),
    ),
  };
  const got = await targets(zone, 'example.test');
  expect(got).toHaveLength(8);
  expect(got.slice(0, 5)).toEqual([
    'mx1.test 8.8.1.1',
    'mx1.test 2600::1',
    'mx1.test 8.8.1.2',
    'mx1.test 8.8.1.3',
    'mx2.test 8.8.2.1',
  ]);
  const { queries } = await lookUp(zone, 'example.test');
  expect(queries.filter((query) => query.startsWith('A '))).toHaveLength(5);
  const only6 = await targets(zone, 'example.test', { families: ['AAAA'] });
  expect(only6.slice(0, 2)).toEqual(['mx1.test 2600::1', 'mx2.test 2600::2']);
});

it('tries an address that several hosts share once', async () => {
  const zone: Zone = {
    'example.test': {
      MX: [
        [10, 'a.test'],
        [20, 'b.test'],
      ],
    },
    'a.test': { A: ['8.8.8.1'] },
    'b.test': { A: ['8.8.8.1', '8.8.8.2'] },
  };
  expect(await targets(zone, 'example.test')).toEqual(['a.test 8.8.8.1', 'b.test 8.8.8.2']);
});
