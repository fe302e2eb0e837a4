/** 26. No reply after the final dot: deferred, with a note that trying again may deliver the mail twice (RFC 1047). */
import { expect, it } from 'vitest';
import { ManualClock } from '../manual-clock.ts';
import { relayTo, startMta } from '../mta-harness.ts';
import { type Step, startPeer } from '../peer.ts';
import { BYE, HELLO, startSmallInternet, takes, toRcpt } from '../small-internet.ts';
import { COMMANDS, mail, open, PIPELINING, TAKEN } from '../smtp-helpers.ts';

// By MX: a relay that lets go of its last connection is asked how it is, and the script would hear of that.
it.each(['*** close', '*** drop'])('%s: tried again as the same mail', async (end) => {
  const { mta, servers, finish } = await startSmallInternet({
    zone: { 'ended.test': { MX: [[10, 'mx.ended.test']] }, 'mx.ended.test': { A: ['127.26.0.1'] } },
    servers: {
      '127.26.0.1': [
        [...HELLO, ...toRcpt('taro@ended.test'), 'C: DATA', 'S: 354 Go on', 'C> message', end],
        [...HELLO, ...takes('taro@ended.test'), ...BYE],
      ],
    },
  });
  const job = mta.send(['taro@ended.test']);
  expect(await mta.settled(job)).toMatchObject({ delivered: 1 });
  expect(mta.ledger(job)).toMatchObject([
    {
      kind: 'deferred',
      phase: 'dot',
      code: 0,
      status: '4.4.2',
      reason: 'network',
      reply: expect.stringContaining('may deliver it twice'),
    },
    { kind: 'delivered', attempt: 2 },
  ]);
  // So that a mailbox can tell.
  const [first, second] = servers['127.26.0.1']!.messages.map((message) => message.toString());
  for (const field of ['Message-ID', 'Date']) {
    const value = (message = ''): string | undefined =>
      new RegExp(`^${field}: (.*)$`, 'm').exec(message)?.[1];
    expect(value(first)).toBeDefined();
    expect(value(first)).toBe(value(second));
  }
  await finish();
});

it('before the dot there is no such risk to tell of', async () => {
  const peer = await startPeer([[...HELLO, ...toRcpt('taro@example.com'), 'C: DATA', '*** close']]);
  const mta = await startMta({
    routes: relayTo(peer.port),
    retry: { first: 600, cap: 600, jitter: 0, giveUp: 3600 },
  });
  const job = mta.send(['taro@example.com']);
  const row = await mta.until(() => mta.ledger(job)[0]);
  expect(row).toMatchObject({ kind: 'deferred', phase: 'data', status: '4.4.2' });
  expect(row.reply).not.toContain('twice');
  await mta.close();
  await peer.stop();
});

it('silence for ten minutes is the same as an end', async () => {
  const clock = new ManualClock();
  const silent: Step[] = [() => setImmediate(() => clock.advance(600_000)), '*** eof'];
  const peer = await startPeer([[...PIPELINING, ...COMMANDS, ...TAKEN, 'C> message', ...silent]]);
  const session = await open(peer.port, { clock });
  expect(await session.send(mail())).toMatchObject({
    kind: 'lost',
    phase: 'dot',
    free: false,
    duplicateRisk: true,
  });
  await peer.done;
  await peer.stop();
});

it('the next mail, begun behind the dot, is free', async () => {
  const peer = await startPeer([
    [...PIPELINING, ...COMMANDS, ...TAKEN, 'C> message', ...COMMANDS, '*** close'],
  ]);
  const session = await open(peer.port);
  const first = session.send(mail());
  await new Promise<void>((resolve) => {
    session.onReady = resolve;
  });
  const second = session.send(mail());
  expect(await first).toMatchObject({ kind: 'lost', phase: 'dot', free: false, duplicateRisk: true });
  expect(await second).toMatchObject({ kind: 'lost', phase: 'mail', free: true, duplicateRisk: false });
  await peer.stop();
});
