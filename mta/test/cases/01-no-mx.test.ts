/** 1. A domain without MX is its own mail server (RFC 5321 §5.1). */
import { expect, it } from 'vitest';
import { lookUp } from '../mx-helpers.ts';
import { BYE, HELLO, startSmallInternet, takes } from '../small-internet.ts';

it('delivers to the A record of the domain itself', async () => {
  const net = await startSmallInternet({
    zone: { 'plain.test': { A: ['127.1.0.1'] } },
    servers: { '127.1.0.1': [[...HELLO, ...takes('taro@plain.test'), ...BYE]] },
  });
  const job = net.mta.send(['taro@plain.test']);
  expect(await net.mta.settled(job)).toMatchObject({ delivered: 1 });
  expect(net.mta.ledger(job)).toMatchObject([{ kind: 'delivered', mx: 'plain.test', attempt: 1 }]);
  expect(net.dns.queries).toContain('MX plain.test');
  await net.finish();
});

it('takes A and AAAA', async () => {
  const { outcome } = await lookUp({ 'plain.test': { A: ['8.8.8.1'], AAAA: ['2600::1'] } }, 'plain.test');
  expect(outcome).toEqual({
    kind: 'hosts',
    site: 'plain.test',
    mxHosts: ['plain.test'],
    hosts: [
      { host: 'plain.test', address: '8.8.8.1', port: 25 },
      { host: 'plain.test', address: '2600::1', port: 25 },
    ],
  });
});

it('is permanent where nothing leads to a host', async () => {
  const { outcome } = await lookUp({ 'plain.test': { TXT: ['x'] } }, 'plain.test');
  expect(outcome).toMatchObject({ kind: 'permanent', status: '5.4.4', reason: 'unknown-host' });
});
