/** 25. After the final dot 4xx defers and 5xx bounces; only a 2xx is a delivery. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type MtaHarness, relayTo, startMta } from '../mta-harness.ts';
import { startPeer } from '../peer.ts';
import { BYE, HELLO, toRcpt } from '../small-internet.ts';

let mta: MtaHarness;
beforeAll(async () => {
  mta = await startMta({ retry: { first: 600, cap: 600, jitter: 0, giveUp: 3600 } });
});
afterAll(() => mta.close());

it.each([
  ['451 4.3.0 Try again later', { kind: 'deferred', code: 451, status: '4.3.0' }],
  ['452 4.3.1 Out of space', { kind: 'deferred', code: 452, status: '4.3.1', reason: 'system-full' }],
  ['554 5.7.1 Message content rejected', { kind: 'bounced', code: 554, status: '5.7.1' }],
  ['552 5.3.4 Too big', { kind: 'bounced', code: 552, status: '5.3.4', reason: 'too-big' }],
  // DELIVERY.md: after DATA "unknown user" is a filter, not a dead address.
  ['550 Unknown user', { kind: 'bounced', code: 550, reason: 'filtered' }],
  ['250 2.0.0 Ok', { kind: 'delivered', code: 250, status: '2.0.0' }],
  ['251 2.0.0 Will see', { kind: 'delivered', code: 251 }],
])('%s', async (reply, expected) => {
  const peer = await startPeer([
    [
      ...HELLO,
      ...toRcpt('taro@docomo.ne.jp'),
      'C: DATA',
      'S: 354 Go on',
      'C> message',
      `S: ${reply}`,
      ...BYE,
    ],
  ]);
  mta.publish({ routes: relayTo(peer.port) });
  const job = mta.send(['taro@docomo.ne.jp']);
  expect(await mta.until(() => mta.ledger(job)[0])).toMatchObject({ ...expected, phase: 'dot', reply });
  // The connection ends, and with it the dialogue.
  mta.publish({ routes: [] });
  await peer.done;
  await peer.stop();
});
