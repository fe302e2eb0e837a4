/** 20. A server that ends a connection after its own number of messages is normal: nobody loses an attempt. */
import { expect, it } from 'vitest';
import type { Step } from '../peer.ts';
import { BYE, HELLO, startSmallInternet, takes, takesAll } from '../small-internet.ts';

const one: Step[] = [
  'C: MAIL FROM:<b-',
  'S: 250 2.1.0 Ok',
  'C: RCPT TO:',
  'S: 250 2.1.5 Ok',
  'C: DATA',
  'S: 354 Go on',
  'C> message',
  'S: 250 2.0.0 Taken',
];

it.each([
  [
    '421 to the next MAIL',
    [...HELLO, ...one, 'C: MAIL', 'S: 421 4.7.0 Max message per connection', '*** eof'],
  ],
  ['an end without a word', [...HELLO, ...one, '*** close', '*** eof']],
] as [string, Step[]][])('%s: everything is delivered at the first attempt', async (_, limited) => {
  const net = await startSmallInternet({
    zone: { 'limit.test': { A: ['127.20.0.1'] } },
    servers: { '127.20.0.1': [limited, limited, limited] },
    peer: { others: [takesAll] },
  });
  const job = net.mta.send(['a@limit.test', 'b@limit.test', 'c@limit.test', 'd@limit.test', 'e@limit.test']);
  expect(await net.mta.settled(job)).toMatchObject({ delivered: 5 });
  const rows = net.mta.ledger(job);
  expect(rows.map(({ kind, attempt }) => `${kind} ${attempt}`)).toEqual(Array(5).fill('delivered 1'));
});

it('421 to the first MAIL of a connection is an attempt', async () => {
  const net = await startSmallInternet({
    zone: { 'limit.test': { A: ['127.20.0.1'] } },
    servers: {
      '127.20.0.1': [
        [...HELLO, 'C: MAIL', 'S: 421 4.7.0 Not you', '*** eof'],
        [...HELLO, ...takes('a@limit.test'), ...BYE],
      ],
    },
  });
  const job = net.mta.send(['a@limit.test']);
  await net.mta.settled(job);
  expect(net.mta.ledger(job)).toMatchObject([
    { kind: 'deferred', phase: 'mail', code: 421, attempt: 1 },
    { kind: 'delivered', attempt: 2 },
  ]);
  await net.finish();
});
