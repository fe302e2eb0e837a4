/** 19. Whatever the server says to QUIT, or does not say, changes nothing (RFC 5321 §4.1.1.10). */
import { expect, it } from 'vitest';
import { ManualClock } from '../manual-clock.ts';
import { type Step, startPeer } from '../peer.ts';
import { HELLO, startSmallInternet, takes } from '../small-internet.ts';
import { COMMANDS, mail, open, PIPELINING, TAKEN } from '../smtp-helpers.ts';

const ANSWERS: [string, Step[]][] = [
  ['a refusal', ['S: 554 5.0.0 You may not leave']],
  ['a 421', ['S: 421 4.0.0 Bye']],
  ['no reply', []],
  ['something that is no SMTP', ['S: bye bye']],
  ['a dropped connection', ['*** drop']],
];

it.each(ANSWERS)('%s: the mail stays delivered, and the MTA ends', async (_, steps) => {
  const net = await startSmallInternet({
    zone: { 'quit.test': { A: ['127.19.0.1'] } },
    servers: {
      '127.19.0.1': [[...HELLO, ...takes('taro@quit.test'), 'C: QUIT', ...steps, '*** eof', '*** close']],
    },
  });
  const job = net.mta.send(['taro@quit.test']);
  await net.mta.settled(job);
  const rows = net.mta.ledger(job);
  expect(rows).toMatchObject([{ kind: 'delivered', code: 250, phase: 'dot', reply: '250 2.0.0 Taken' }]);
  await net.finish();
  expect(net.mta.drained).toBe(true);
});

it('goes out after what is in flight, and is waited for five seconds at most', async () => {
  const clock = new ManualClock();
  const peer = await startPeer([
    [
      ...PIPELINING,
      ...COMMANDS,
      ...TAKEN,
      'C> message',
      'S: 250 ok',
      'C= QUIT',
      () => setImmediate(() => clock.advance(5000)),
      '*** eof',
    ],
  ]);
  const session = await open(peer.port, { clock });
  const sent = session.send(mail());
  const gone = session.quit();
  expect(session.canSend).toBe(false);
  expect(await sent).toMatchObject({ kind: 'accepted' });
  await gone;
  expect(await session.closed).toMatchObject({ error: '' });
  await peer.done;
  await peer.stop();
});
