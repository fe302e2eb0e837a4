/** 11. An international domain is asked for, and written into RCPT, as A-label (RFC 5890, RFC 6531 §3.2). */
import { expect, it } from 'vitest';
import { targets } from '../mx-helpers.ts';
import { BYE, HELLO, startSmallInternet, takes } from '../small-internet.ts';

it.each(['taro@例え.test', 'taro@XN--R8JZ45G.test'])('%s', async (address) => {
  const net = await startSmallInternet({
    zone: {
      'xn--r8jz45g.test': { MX: [[10, 'mx.xn--r8jz45g.test']] },
      'mx.xn--r8jz45g.test': { A: ['127.11.0.1'] },
    },
    servers: { '127.11.0.1': [[...HELLO, ...takes('taro@xn--r8jz45g.test'), ...BYE]] },
  });
  const job = net.mta.send([address]);
  expect(await net.mta.settled(job)).toMatchObject({ delivered: 1 });
  // Kept as typed; grouped by the A-label.
  expect(net.mta.ledger(job)).toMatchObject([{ recipient: address, domain: 'xn--r8jz45g.test' }]);
  expect(net.servers['127.11.0.1']!.messages[0]!.toString()).toContain('\r\nTo: taro@xn--r8jz45g.test\r\n');
  await net.finish();
});

it('the look-up itself takes U-labels, too', async () => {
  const zone = {
    'xn--r8jz45g.test': { MX: [[10, 'mx.test']] as [number, string][] },
    'mx.test': { A: ['8.8.8.1'] },
  };
  expect(await targets(zone, '例え.test')).toEqual(['mx.test 8.8.8.1']);
});
