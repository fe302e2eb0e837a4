/** 13. A reply of several lines is one reply, however its bytes are cut into packets (RFC 5321 §4.2.1). */
import { afterEach, expect, it } from 'vitest';
import { type MtaHarness, relayTo, startMta } from '../mta-harness.ts';
import { type Peer, startPeer } from '../peer.ts';
import { open } from '../smtp-helpers.ts';

let harness: MtaHarness | undefined;
let peer: Peer | undefined;
afterEach(async () => {
  await harness?.close();
  await peer?.stop();
  harness = peer = undefined;
});

it.each([1, 2, 7])('delivers over replies of many lines that come %i bytes at a time', async (split) => {
  peer = await startPeer(
    [
      [
        'S: 220-mx.test ESMTP',
        'S: 220-No unsolicited mail',
        'S: 220 at your service',
        'C: EHLO me.test',
        'S: 250-mx.test',
        'S: 250-PIPELINING',
        'S: 250 SIZE 1000000',
        'C: MAIL FROM:',
        'C: RCPT TO:<nobody@example.com>',
        'C: DATA',
        'S: 250-2.1.0 Sender',
        'S: 250 2.1.0 Ok',
        'S: 550-5.1.1 The account that you',
        'S: 550-5.1.1 tried to reach',
        'S: 550 5.1.1 does not exist',
        'S: 503 5.5.1 No recipient',
        'C: RSET',
        'C: MAIL FROM:',
        'C: RCPT TO:<taro@example.com>',
        'C: DATA',
        'S: 250 2.0.0 Ok',
        'S: 250 2.1.0 Ok',
        'S: 250-2.1.5 Ok',
        'S: 250 2.1.5 Ok',
        'S: 354-Go',
        'S: 354 on',
        'C> message',
        'S: 250-2.0.0 Taken',
        'S: 250 2.0.0 as 1',
        '*** eof',
      ],
    ],
    { split },
  );
  harness = await startMta({ routes: relayTo(peer.port, { connections: 1 }) });
  const job = harness.send(['nobody@example.com', 'taro@example.com']);
  expect(await harness.settled(job)).toMatchObject({ delivered: 1, bounced: 1 });
  expect(harness.ledger(job)).toMatchObject([
    {
      kind: 'bounced',
      status: '5.1.1',
      reply: '550-5.1.1 The account that you\n550-5.1.1 tried to reach\n550 5.1.1 does not exist',
    },
    { kind: 'delivered', status: '2.0.0', reply: '250-2.0.0 Taken\n250 2.0.0 as 1' },
  ]);
});

it('reads what EHLO offers, byte by byte', async () => {
  peer = await startPeer(
    [
      [
        'S: 220-mx.test ESMTP',
        'S: 220 at your service',
        'C: EHLO me.test',
        'S: 250-mx.test',
        'S: 250-PIPELINING',
        'S: 250-size 1000000',
        'S: 250-8BITMIME',
        'S: 250-SMTPUTF8',
        'S: 250-AUTH=LOGIN',
        'S: 250-AUTH PLAIN LOGIN',
        'S: 250 STARTTLS',
        '*** eof',
      ],
    ],
    { split: 1 },
  );
  const session = await open(peer.port);
  expect(session.info.capabilities).toEqual({
    esmtp: true,
    pipelining: true,
    eightBitMime: true,
    smtpUtf8: true,
    startTls: true,
    sizeOffered: true,
    size: 1000000,
    auth: ['LOGIN', 'PLAIN'],
  });
  session.destroy();
  await peer.done;
});
