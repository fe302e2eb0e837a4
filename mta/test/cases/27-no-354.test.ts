/** 27. Without 354 no byte of the message is sent (RFC 5321 §4.1.1.4), pipelined or not; the session stays good. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MtaHarness, relayTo, startMta } from '../mta-harness.ts';
import { type Step, startPeer } from '../peer.ts';
import { BYE, HELLO, RESET, takes, toRcpt } from '../small-internet.ts';

let mta: MtaHarness;
beforeAll(async () => {
  mta = await startMta({ retry: { first: 600, cap: 600, jitter: 0, giveUp: 3600 } });
});
afterAll(() => mta.close());

const PIPELINING: Step[] = ['S: 220 mx.test ESMTP', 'C: EHLO me.test', 'S: 250-mx.test', 'S: 250 PIPELINING'];
const group = (address: string): Step[] => ['C: MAIL FROM:<b-', `C: RCPT TO:<${address}>`, 'C: DATA'];

describe.each([
  ['450 4.2.0 Not now', { kind: 'deferred', code: 450 }],
  ['451 4.3.0 Disk', { kind: 'deferred', code: 451 }],
  ['554 5.7.1 No', { kind: 'bounced', code: 554 }],
])('%s to DATA', (reply, expected) => {
  it.each<[string, Step[]]>([
    [
      'step by step',
      [
        ...HELLO,
        ...toRcpt('a@example.com'),
        'C= DATA',
        `S: ${reply}`,
        // The next line is a command: nothing of the message came in between.
        ...RESET,
        ...takes('b@example.com'),
        ...BYE,
      ],
    ],
    [
      'pipelined',
      [
        ...PIPELINING,
        ...group('a@example.com'),
        'S: 250 Ok',
        'S: 250 Ok',
        `S: ${reply}`,
        'C: RSET',
        ...group('b@example.com'),
        'S: 250 Ok',
        'S: 250 Ok',
        'S: 250 Ok',
        'S: 354 Go on',
        'C> message',
        'S: 250 Taken',
        ...BYE,
      ],
    ],
  ])('%s', async (_, dialogue) => {
    const peer = await startPeer([dialogue]);
    mta.publish({ routes: relayTo(peer.port, { connections: 1 }) });
    const job = mta.send(['a@example.com', 'b@example.com']);
    await mta.until(() => mta.ledger(job).length === 2);
    expect(mta.ledger(job)).toMatchObject([
      { recipient: 'a@example.com', phase: 'data', attempt: 1, ...expected },
      { recipient: 'b@example.com', kind: 'delivered' },
    ]);
    // The connection ends, and with it the dialogue.
    mta.publish({ routes: [] });
    await peer.done;
    await peer.stop();
  });
});
