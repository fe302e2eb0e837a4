/** 40. Sessions are counted for TLS reports (RFC 8460), by policy, host and result; a drain loses none. */
import { expect, it } from 'vitest';
import { BYE, HELLO, startSmallInternet, takes } from '../small-internet.ts';
import { SECURE_HELLO } from '../tls-helpers.ts';

it('counts encrypted sessions and those in clear', async () => {
  const net = await startSmallInternet({
    zone: {
      'a.test': { MX: [[10, 'mx.a.test']] },
      'mx.a.test': { A: ['127.40.0.1'] },
      'b.test': { MX: [[10, 'mx.b.test']] },
      'mx.b.test': { A: ['127.40.0.2'] },
    },
    servers: {
      '127.40.0.1': [[...SECURE_HELLO, ...takes('taro@a.test'), ...BYE]],
      '127.40.0.2': [[...HELLO, ...takes('jiro@b.test'), ...BYE]],
    },
  });
  await net.mta.settled(net.mta.send(['taro@a.test', 'jiro@b.test']));
  await net.mta.mta.stop();
  const plain = { policyType: 'no-policy-found', policyString: '', sessions: 1 };
  expect(net.mta.spool.tlsReport('2000-01-01', '2100-01-01')).toMatchObject([
    { ...plain, policyDomain: 'a.test', mxHost: 'mx.a.test', result: '' },
    { ...plain, policyDomain: 'b.test', mxHost: 'mx.b.test', result: 'starttls-not-supported' },
  ]);
  await net.finish();
});
