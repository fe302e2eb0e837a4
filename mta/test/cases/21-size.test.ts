/** 21. A message over the server's SIZE is refused with 5.3.4 before anything of it is sent (RFC 1870 §6). */
import { expect, it } from 'vitest';
import { startPeer } from '../peer.ts';
import { BYE, startSmallInternet } from '../small-internet.ts';
import { COMMANDS, mail, open, PIPELINING, TAKEN } from '../smtp-helpers.ts';

it('bounces without MAIL, and the same connection carries the small mail', async () => {
  const net = await startSmallInternet({
    zone: { 'small.test': { A: ['127.21.0.1'] } },
    servers: {
      '127.21.0.1': [
        [
          'S: 220 mx',
          'C: EHLO me.test',
          'S: 250-mx',
          'S: 250 SIZE 5000',
          'C: MAIL FROM:<b-',
          'S: 250 Ok',
          'C: RCPT TO:<second@small.test>',
          'S: 250 Ok',
          'C: DATA',
          'S: 354 Go on',
          'C> message',
          'S: 250 Taken',
          ...BYE,
        ],
      ],
    },
  });
  const big = net.mta.send(['first@small.test'], { text: 'x '.repeat(4000) });
  expect(await net.mta.settled(big)).toMatchObject({ bounced: 1 });
  expect(net.mta.ledger(big)).toMatchObject([
    { kind: 'bounced', phase: 'none', code: 552, status: '5.3.4', reason: 'too-big', attempt: 1 },
  ]);
  const small = net.mta.send(['second@small.test']);
  expect(await net.mta.settled(small)).toMatchObject({ delivered: 1 });
  const mails = net.servers['127.21.0.1']!.lines.filter((line) => line.startsWith('MAIL'));
  expect(mails).toEqual([expect.stringMatching(/^MAIL FROM:<b-[^>]*> SIZE=\d+$/)]);
  // What is announced is what comes.
  expect(Number(mails[0]!.split('=')[1])).toBe(net.servers['127.21.0.1']!.messages[0]!.length);
  await net.finish();
});

it('SIZE 0 and SIZE alone are no limit', async () => {
  for (const offer of ['SIZE 0', 'SIZE']) {
    const peer = await startPeer([
      [
        ...PIPELINING.slice(0, -1),
        `S: 250 ${offer}`,
        ...COMMANDS,
        ...TAKEN,
        'C> message',
        'S: 250 ok',
        '*** eof',
      ],
    ]);
    const session = await open(peer.port);
    const message = Buffer.from(`${'x'.repeat(70)}\r\n`.repeat(1000));
    expect(await session.send(mail({ message }))).toMatchObject({ kind: 'accepted' });
    expect(peer.lines).toContain(`MAIL FROM:<bounce@example.test> SIZE=${message.length}`);
    session.destroy();
    await peer.done;
    await peer.stop();
  }
});
