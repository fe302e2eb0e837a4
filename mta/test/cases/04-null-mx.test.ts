/** 4. A null MX (RFC 7505) is permanent, 5.1.10, and nobody connects, whatever address the domain has. */
import { expect, it } from 'vitest';
import { lookUp, targets } from '../mx-helpers.ts';
import { startSmallInternet } from '../small-internet.ts';

it('bounces with 5.1.10 without a connection', async () => {
  const net = await startSmallInternet({
    zone: { 'no-mail.test': { MX: [[0, '']], A: ['127.4.0.1'] } },
    servers: { '127.4.0.1': [] },
  });
  const job = net.mta.send(['taro@no-mail.test']);
  expect(await net.mta.settled(job)).toMatchObject({ bounced: 1 });
  expect(net.mta.ledger(job)).toMatchObject([
    { kind: 'bounced', phase: 'dns', code: 556, status: '5.1.10', reason: 'null-mx', mx: '', sourceIp: '' },
  ]);
  await net.finish();
});

it('asks for no address', async () => {
  const { outcome, queries } = await lookUp({ 'a.test': { MX: [[0, '']], A: ['8.8.8.1'] } }, 'a.test');
  expect(outcome).toMatchObject({ kind: 'permanent', status: '5.1.10', reason: 'null-mx' });
  expect(queries).toEqual(['MX a.test']);
});

it('is none beside another MX', async () => {
  const zone = {
    'a.test': {
      MX: [
        [0, ''],
        [10, 'mx.a.test'],
      ] as [number, string][],
    },
    'mx.a.test': { A: ['8.8.8.1'] },
  };
  expect(await targets(zone, 'a.test')).toEqual(['mx.a.test 8.8.8.1']);
  expect((await lookUp(zone, 'a.test')).outcome).toMatchObject({ site: 'mx.a.test' });
});
