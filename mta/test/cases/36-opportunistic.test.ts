/** 36. Opportunistic TLS: a failed handshake leads to a new connection in clear, and the host is remembered. */
import { expect, it } from 'vitest';
import type { PeerConnection, Step } from '../peer.ts';
import { BYE, HELLO, startSmallInternet, takes } from '../small-internet.ts';
import { OFFER } from '../tls-helpers.ts';

const broken: Step[] = [
  ...OFFER,
  'S: 220 Go',
  async (connection: PeerConnection) => {
    await connection.anything();
    await connection.say('This is no TLS\r\n');
  },
];

it('delivers in clear, and does not knock at the broken door again', async () => {
  const net = await startSmallInternet({
    zone: { 'a.test': { MX: [[10, 'mx.a.test']] }, 'mx.a.test': { A: ['127.36.0.1'] } },
    servers: {
      '127.36.0.1': [
        broken,
        [...HELLO, ...takes('taro@a.test'), 'S: 421 4.3.2 Come again', '*** close', '*** eof'],
        // STARTTLS is offered here as well, and not asked for.
        [
          'S: 220 mx.test ESMTP',
          'C: EHLO me.test',
          'S: 250-mx.test',
          'S: 250 STARTTLS',
          ...takes('jiro@a.test'),
          ...BYE,
        ],
      ],
    },
  });
  for (const recipient of ['taro@a.test', 'jiro@a.test']) {
    const job = net.mta.send([recipient]);
    expect(await net.mta.settled(job)).toMatchObject({ delivered: 1 });
    expect(net.mta.ledger(job)).toMatchObject([
      { kind: 'delivered', tls: '', tlsPolicy: 'opportunistic', attempt: 1 },
    ]);
  }
  await net.finish();
});
