/** 14. A server that does not know EHLO is greeted with HELO on the same connection (RFC 5321 §3.2). */
import { expect, it } from 'vitest';
import { openSession } from '../../smtp/session.ts';
import { startPeer } from '../peer.ts';
import { BYE, startSmallInternet, takes } from '../small-internet.ts';
import { options } from '../smtp-helpers.ts';

it.each(['500 5.5.1 What?', '502 Not implemented', '550 Never heard of it'])(
  'delivers to a server that says %s to EHLO',
  async (refusal) => {
    const net = await startSmallInternet({
      zone: { 'old.test': { MX: [[10, 'mx.old.test']] }, 'mx.old.test': { A: ['127.14.0.1'] } },
      servers: {
        '127.14.0.1': [
          [
            'S: 220 mx.old.test',
            'C= EHLO me.test',
            `S: ${refusal}`,
            'C= HELO me.test',
            // Nothing of it may be taken for an extension.
            'S: 250-mx.old.test',
            'S: 250 PIPELINING SIZE 10 SMTPUTF8',
            ...takes('taro@old.test'),
            ...BYE,
          ],
        ],
      },
    });
    const job = net.mta.send(['taro@old.test']);
    expect(await net.mta.settled(job)).toMatchObject({ delivered: 1 });
    expect(net.servers['127.14.0.1']!.lines).toContainEqual(expect.stringMatching(/^MAIL FROM:<[^ ]*>$/));
    await net.finish();
  },
);

it('does not say HELO when EHLO was refused for now', async () => {
  const peer = await startPeer([
    ['S: 220 mx', 'C: EHLO me.test', 'S: 451 4.3.0 Not now', 'C: QUIT', '*** eof'],
  ]);
  expect(await openSession(options(peer.port))).toMatchObject({
    ok: false,
    phase: 'ehlo',
    reply: { code: 451, status: '4.3.0' },
  });
  await peer.done;
  await peer.stop();
});
