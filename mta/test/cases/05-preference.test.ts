/** 5. Mail servers are tried by ascending preference, equals in random order (RFC 5321 §5.1). */
import { expect, it } from 'vitest';
import type { Zone } from '../dns-server.ts';
import { targets } from '../mx-helpers.ts';
import { BYE, HELLO, startSmallInternet, takes } from '../small-internet.ts';

it('delivers to the server of the lowest preference, wherever it stands in the answer', async () => {
  const net = await startSmallInternet({
    zone: {
      'three.test': {
        MX: [
          [20, 'b.three.test'],
          [5, 'a.three.test'],
          [30, 'c.three.test'],
        ],
      },
      'a.three.test': { A: ['127.5.0.1'] },
      'b.three.test': { A: ['127.5.0.2'] },
      'c.three.test': { A: ['127.5.0.3'] },
    },
    servers: {
      '127.5.0.1': [[...HELLO, ...takes('taro@three.test'), ...BYE]],
      '127.5.0.2': [],
      '127.5.0.3': [],
    },
  });
  const job = net.mta.send(['taro@three.test']);
  await net.mta.settled(job);
  expect(net.mta.ledger(job)).toMatchObject([{ kind: 'delivered', mx: 'a.three.test' }]);
  await net.finish();
});

it('draws among equals, and never a worse one before a better', async () => {
  const zone: Zone = {
    'example.test': {
      MX: [
        [20, 'c.test'],
        [10, 'a.test'],
        [10, 'b.test'],
        [30, 'd.test'],
      ],
    },
    'a.test': { A: ['8.8.8.1'] },
    'b.test': { A: ['8.8.8.2'] },
    'c.test': { A: ['8.8.8.3'] },
    'd.test': { A: ['8.8.8.4'] },
  };
  const first: Record<string, number> = {};
  for (let seed = 0; seed < 40; seed += 1) {
    let at = seed;
    const random = (): number => {
      at = (at * 1103515245 + 12345) % 2147483648;
      return at / 2147483648;
    };
    const order = (await targets(zone, 'example.test', { random })).map((target) => target[0]).join('');
    expect(order).toMatch(/^(ab|ba)cd$/);
    first[order] = (first[order] ?? 0) + 1;
  }
  expect(first.abcd).toBeGreaterThan(8);
  expect(first.bacd).toBeGreaterThan(8);
});
