/**
 * 22. With PIPELINING replies are matched in order; when no RCPT was accepted and DATA is answered 354 all the same, a lone
 * dot ends it, and whatever the server says to that, nothing was delivered (RFC 2920 §3.1).
 */
import { describe, expect, it } from 'vitest';
import type { SendOutcome } from '../../smtp/types.ts';
import { type Step, startPeer } from '../peer.ts';
import { BYE, startSmallInternet } from '../small-internet.ts';
import { COMMANDS, mail, open, PIPELINING, TAKEN } from '../smtp-helpers.ts';

it('gives each of several mails its own reply, through the whole MTA', async () => {
  const commands = (address: string): Step[] => ['C: MAIL FROM:<b-', `C: RCPT TO:<${address}>`, 'C: DATA'];
  const net = await startSmallInternet({
    zone: { 'pipe.test': { A: ['127.22.0.1'] } },
    servers: {
      '127.22.0.1': [
        [
          'S: 220 mx',
          'C: EHLO me.test',
          'S: 250-mx',
          'S: 250 PIPELINING',
          ...commands('nobody@pipe.test'),
          'S: 250 2.1.0 Ok',
          'S: 550 5.1.1 User unknown',
          'S: 354 Go on, whoever it is for',
          'C: .',
          'S: 250 2.0.0 Taken, for nobody',
          ...commands('taro@pipe.test'),
          'S: 250 2.1.0 Ok',
          'S: 250 2.1.5 Ok',
          'S: 354 Go on',
          'C> message',
          'S: 250 2.0.0 Taken',
          ...BYE,
        ],
      ],
    },
  });
  const jobs = ['nobody@pipe.test', 'taro@pipe.test'].map((address) => () => net.mta.send([address]));
  const first = jobs[0]!();
  expect(await net.mta.settled(first)).toMatchObject({ bounced: 1, delivered: 0 });
  const second = jobs[1]!();
  expect(await net.mta.settled(second)).toMatchObject({ delivered: 1 });
  expect(net.mta.ledger(first)).toMatchObject([{ kind: 'bounced', phase: 'rcpt', code: 550 }]);
  expect(net.servers['127.22.0.1']!.messages).toHaveLength(1);
  await net.finish();
});

async function send(...dialogue: Step[]): Promise<{ outcome: SendOutcome; messages: Buffer[] }> {
  const peer = await startPeer([[...PIPELINING, ...COMMANDS, ...dialogue, 'C: QUIT', 'S: 221 Bye']]);
  const session = await open(peer.port);
  const outcome = await session.send(mail());
  await session.quit();
  await peer.done;
  await peer.stop();
  return { outcome, messages: peer.messages };
}

describe('replies are matched in order', () => {
  it.each([
    ['mail', 451, ['S: 451 4.7.1 Later', 'S: 503 What?', 'S: 503 What?']],
    ['rcpt', 550, ['S: 250 ok', 'S: 550 5.1.1 Nobody', 'S: 503 What?']],
    ['rcpt', 452, ['S: 250 ok', 'S: 452 4.5.3 Too many', 'S: 554 No valid recipients']],
    ['data', 451, ['S: 250 ok', 'S: 250 ok', 'S: 451 4.3.0 Disk']],
  ] as [string, number, Step[]][])('%s refused with %i', async (phase, code, replies) => {
    const { outcome, messages } = await send(...replies);
    expect(outcome).toMatchObject({ kind: 'refused', phase, reply: { code } });
    expect(messages).toEqual([]);
  });
});

describe('a QUIT that is asked for between the refusal and the reply to DATA', () => {
  it.each([
    ['DATA is refused', ['S: 503 What?']],
    ['DATA is taken', ['S: 354 Go on', 'C: .', 'S: 250 Taken, for nobody']],
  ] as [string, Step[]][])('goes out when %s', async (_, rest) => {
    const asked = Promise.withResolvers<void>();
    const peer = await startPeer([
      [
        ...PIPELINING,
        ...COMMANDS,
        'S: 250 ok',
        'S: 451 4.7.0 Go away',
        () => asked.promise,
        ...rest,
        'C: QUIT',
        'S: 221 Bye',
      ],
    ]);
    const session = await open(peer.port);
    expect(await session.send(mail())).toMatchObject({ kind: 'refused', phase: 'rcpt' });
    const gone = session.quit();
    asked.resolve();
    await gone;
    await peer.done;
    await peer.stop();
  });
});

describe('no recipient, yet 354: a lone dot, and no delivery', () => {
  const before: [string, Step[]][] = [
    ['rcpt', ['S: 250 ok', 'S: 550 5.1.1 Nobody', 'S: 354 Go on']],
    ['mail', ['S: 550 5.7.1 No', 'S: 503 What?', 'S: 354 Go on']],
  ];
  const after = ['S: 250 2.0.0 Taken', 'S: 554 5.5.1 No recipients', 'S: 451 4.3.0 Hm'];
  it.each(before.flatMap(([phase, replies]) => after.map((last) => [phase, last, replies] as const)))(
    'after a refused %s, with %s',
    async (phase, last, replies) => {
      const { outcome } = await send(...replies, 'C: .', last);
      expect(outcome).toMatchObject({ kind: 'refused', phase });
    },
  );
});

it.each([
  ['a 3xx to MAIL', ['S: 354 go']],
  ['a 3xx to RCPT', ['S: 250 ok', 'S: 354 go']],
  ['a 250 to DATA', ['S: 250 ok', 'S: 250 ok', 'S: 250 ok']],
  ['a 354 to the dot', [...TAKEN, 'C> message', 'S: 354 go']],
] as [string, Step[]][])('%s ends the session, since nobody knows what is answered', async (_, replies) => {
  const peer = await startPeer([[...PIPELINING, ...COMMANDS, ...replies, '*** eof']]);
  const session = await open(peer.port);
  expect(await session.send(mail())).toMatchObject({
    kind: 'lost',
    error: expect.stringContaining('unexpected reply'),
  });
  await session.closed;
  await peer.done;
  await peer.stop();
});

it('a reply that nobody asked for ends the session after what was answered', async () => {
  const peer = await startPeer([
    [...PIPELINING, ...COMMANDS, ...TAKEN, 'C> message', 'S: 250 ok', 'S: 250 and more', '*** eof'],
  ]);
  const session = await open(peer.port);
  expect(await session.send(mail())).toMatchObject({ kind: 'accepted' });
  expect((await session.closed).error).toContain('reply without a command');
  await peer.done;
  await peer.stop();
});
