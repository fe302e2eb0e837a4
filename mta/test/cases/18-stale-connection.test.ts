/** 18. A reused connection that turns out to be gone before MAIL was answered costs no attempt. */
import { expect, it } from 'vitest';
import { type Step, startPeer } from '../peer.ts';
import { BYE, HELLO, startSmallInternet, takes } from '../small-internet.ts';
import { COMMANDS, mail, open, PIPELINING, TAKEN } from '../smtp-helpers.ts';

const ENDS: [string, Step][] = [
  ['closed', '*** close'],
  ['reset', '*** drop'],
];

it.each(ENDS)('%s at MAIL: the mail goes out over a new connection as its first attempt', async (_, end) => {
  const net = await startSmallInternet({
    zone: { 'stale.test': { A: ['127.18.0.1'] } },
    servers: {
      '127.18.0.1': [
        [...HELLO, ...takes('a@stale.test'), 'C: MAIL FROM:', end],
        [...HELLO, ...takes('b@stale.test'), ...BYE],
      ],
    },
  });
  const first = net.mta.send(['a@stale.test']);
  await net.mta.settled(first);
  const second = net.mta.send(['b@stale.test']);
  await net.mta.settled(second);
  expect(net.mta.ledger(second)).toMatchObject([{ kind: 'delivered', attempt: 1 }]);
  await net.finish();
});

async function sendTwo(...second: Step[]) {
  const one = [...COMMANDS, ...TAKEN, 'C> message', 'S: 250 ok'];
  const peer = await startPeer([[...PIPELINING, ...one, ...second]]);
  const session = await open(peer.port);
  await session.send(mail());
  return { peer, session };
}

it('gone while idle: free as well', async () => {
  const { peer, session } = await sendTwo('*** close');
  await session.closed;
  expect(await session.send(mail())).toMatchObject({ kind: 'lost', free: true });
  await peer.stop();
});

it('on a fresh connection it is an attempt', async () => {
  const peer = await startPeer([[...PIPELINING, ...COMMANDS, '*** close']]);
  const session = await open(peer.port);
  expect(await session.send(mail())).toMatchObject({ kind: 'lost', phase: 'mail', free: false });
  await peer.stop();
});

it.each([
  ['rcpt', ['S: 250 ok', '*** close']],
  ['data', ['S: 250 ok', 'S: 250 ok', '*** close']],
] as [string, Step[]][])('once MAIL was answered it is one too (%s)', async (phase, steps) => {
  const { peer, session } = await sendTwo(...COMMANDS, ...steps);
  expect(await session.send(mail())).toMatchObject({
    kind: 'lost',
    phase,
    free: false,
    duplicateRisk: false,
  });
  await peer.stop();
});
