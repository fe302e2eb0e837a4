/** 3. A domain that does not exist is a permanent failure (RFC 5321 §5.1). */
import { expect, it } from 'vitest';
import { startSmallInternet } from '../small-internet.ts';

it('bounces every recipient with 5.1.2, each at the first attempt', async () => {
  const net = await startSmallInternet({ zone: { 'example.test': { A: ['127.3.0.1'] } } });
  const job = net.mta.send(['a@nowhere.test', 'b@nowhere.test']);
  expect(await net.mta.settled(job)).toMatchObject({ settled: 2, bounced: 2 });
  const row = {
    kind: 'bounced',
    phase: 'dns',
    code: 550,
    status: '5.1.2',
    reason: 'unknown-host',
    attempt: 1,
  };
  expect(net.mta.ledger(job)).toMatchObject([row, row]);
  expect(net.mta.ledger(job)[0]!.reply).toContain('nowhere.test does not exist');
});
