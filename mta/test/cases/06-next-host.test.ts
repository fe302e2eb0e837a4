/** 6. A failed connection or a 4xx banner leads to the next host; a 5xx to RCPT is the last word (RFC 5321 §5.1). */
import { expect, it } from 'vitest';
import { BYE, HELLO, refuses, startSmallInternet, takes } from '../small-internet.ts';

const zone = {
  'three.test': {
    MX: [
      [10, 'a.three.test'],
      [20, 'b.three.test'],
      [30, 'c.three.test'],
    ] as [number, string][],
  },
  'a.three.test': { A: ['127.6.0.1'] },
  'b.three.test': { A: ['127.6.0.2'] },
  'c.three.test': { A: ['127.6.0.3'] },
};

it('goes past a server that is down and one that is busy, at no cost', async () => {
  const net = await startSmallInternet({
    zone,
    servers: {
      // Nobody listens on 127.6.0.1.
      '127.6.0.2': [['S: 450 4.3.2 Busy', 'C: QUIT', 'S: 221 Bye', '*** eof']],
      '127.6.0.3': [[...HELLO, ...takes('taro@three.test'), ...BYE]],
    },
  });
  const job = net.mta.send(['taro@three.test']);
  expect(await net.mta.settled(job)).toMatchObject({ delivered: 1 });
  expect(net.mta.ledger(job)).toMatchObject([{ kind: 'delivered', mx: 'c.three.test', attempt: 1 }]);
  await net.finish();
});

it('takes 550 to RCPT for an answer and asks nobody else', async () => {
  const net = await startSmallInternet({
    zone,
    servers: {
      '127.6.0.1': [[...HELLO, ...refuses('nobody@three.test', '550 5.1.1 User unknown'), ...BYE]],
      '127.6.0.2': [],
      '127.6.0.3': [],
    },
  });
  const job = net.mta.send(['nobody@three.test']);
  expect(await net.mta.settled(job)).toMatchObject({ bounced: 1 });
  expect(net.mta.ledger(job)).toMatchObject([
    {
      kind: 'bounced',
      phase: 'rcpt',
      code: 550,
      status: '5.1.1',
      reason: 'unknown-user',
      mx: 'a.three.test',
    },
  ]);
  await net.finish();
});
