/** 35. Bytes that came in clear before the handshake are discarded, and EHLO is said again (RFC 3207 §4.2, §6). */
import { expect, it } from 'vitest';
import { BYE, startSmallInternet, takes } from '../small-internet.ts';
import { OFFER } from '../tls-helpers.ts';

it('believes nothing that was said behind the 220 to STARTTLS', async () => {
  const net = await startSmallInternet({
    zone: { 'a.test': { MX: [[10, 'mx.a.test']] }, 'mx.a.test': { A: ['127.35.0.1'] } },
    servers: {
      '127.35.0.1': [
        [
          ...OFFER,
          'S: 220 Go',
          // Were it read, every mail would be too large; and the answers to all further commands would be off by one.
          'S: 250-injected',
          'S: 250 SIZE 1',
          '*** starttls',
          'C: EHLO me.test',
          'S: 250 mx.test',
          ...takes('taro@a.test'),
          ...BYE,
        ],
      ],
    },
  });
  const job = net.mta.send(['taro@a.test']);
  expect(await net.mta.settled(job)).toMatchObject({ delivered: 1 });
  expect(net.mta.ledger(job)).toMatchObject([
    { kind: 'delivered', tls: expect.stringMatching(/^TLSv1\.3 /), tlsPolicy: 'opportunistic' },
  ]);
  await net.finish();
});
