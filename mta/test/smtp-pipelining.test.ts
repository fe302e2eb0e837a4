import { afterEach, describe, expect, it } from 'vitest';
import type { Session } from '../smtp/types.ts';
import { type Peer, type Step, startPeer } from './peer.ts';
import { COMMANDS, MESSAGE, mail, open, PIPELINING, TAKEN } from './smtp-helpers.ts';

let peer: Peer;
afterEach(() => peer.stop());

/** Runs one dialogue against a session that is closed by quit at the end. */
async function run<T>(dialogue: Step[], work: (session: Session) => Promise<T>): Promise<T> {
  peer = await startPeer([[...PIPELINING, ...dialogue, 'C: QUIT', 'S: 221 Bye']]);
  const session = await open(peer.port);
  const result = await work(session);
  await session.quit();
  await peer.done;
  return result;
}

/** Sends mails one after another, each as soon as the session can take it. */
function sendAll(session: Session, count: number) {
  const outcomes: ReturnType<Session['send']>[] = [];
  return new Promise<Awaited<ReturnType<Session['send']>>[]>((resolve) => {
    session.onReady = () => {
      if (outcomes.length === count) return;
      outcomes.push(session.send(mail({ rcptTo: `${outcomes.length + 1}@example.test` })));
      if (outcomes.length === count) resolve(Promise.all(outcomes));
    };
    session.onReady();
  });
}

describe('transactions with PIPELINING', () => {
  it('MAIL, RCPT and DATA travel together, before any reply', async () => {
    const outcome = await run(
      [...COMMANDS, ...TAKEN, 'C> message', 'S: 250 2.0.0 Ok: queued as 4Xyz'],
      (session) => session.send(mail()),
    );
    expect(outcome).toEqual({
      kind: 'accepted',
      reply: expect.objectContaining({ code: 250, status: '2.0.0', text: '250 2.0.0 Ok: queued as 4Xyz' }),
      ms: expect.any(Number),
    });
    expect(peer.messages.map(String)).toEqual([MESSAGE]);
  });

  it('the next mail begins within the write of the last dot, before its reply', async () => {
    const dialogue: Step[] = [
      'C: MAIL',
      'C: RCPT TO:<1@',
      'C: DATA',
      ...TAKEN,
      'C> message',
      'C: MAIL',
      'C: RCPT TO:<2@',
      'C: DATA',
      'S: 250 first',
      ...TAKEN,
      'C> message',
      'C: MAIL',
      'C: RCPT TO:<3@',
      'C= DATA',
      'S: 451 second',
      'S: 250 ok',
      'S: 550 third',
      'S: 503 no',
      'S: 250 reset?',
    ];
    dialogue.pop();
    const outcomes = await run(dialogue, async (session) => {
      const sent = await sendAll(session, 3);
      expect(session).toMatchObject({ messages: 3, inFlight: 0 });
      return sent;
    });
    expect(outcomes).toMatchObject([
      { kind: 'accepted', reply: { text: '250 first' } },
      { kind: 'refused', phase: 'dot', reply: { text: '451 second' } },
      { kind: 'refused', phase: 'rcpt', reply: { text: '550 third' } },
    ]);
    expect(peer.messages).toHaveLength(2);
  });

  it('replies of several mails in one packet, or a byte at a time', async () => {
    for (const split of [undefined, 1]) {
      await peer?.stop();
      peer = await startPeer(
        [
          [
            ...PIPELINING,
            'C: MAIL',
            'C: RCPT TO:<1@',
            'C: DATA',
            ...TAKEN,
            'C> message',
            'C: MAIL',
            'C: RCPT TO:<2@',
            'C: DATA',
            'S: 250-first',
            'S: 250 one',
            ...TAKEN,
            'C> message',
            'S: 250 two',
            '*** eof',
          ],
        ],
        { split },
      );
      const session = await open(peer.port);
      const outcomes = await sendAll(session, 2);
      expect(outcomes).toMatchObject([
        { kind: 'accepted', reply: { text: '250-first\n250 one' } },
        { kind: 'accepted', reply: { text: '250 two' } },
      ]);
      session.destroy();
      await peer.done;
    }
  });

  describe('RSET goes out only after a transaction that was left half-way, in the same write as the next MAIL', () => {
    const cases: [string, Step[], Step[]][] = [
      ['after a refused RCPT', ['S: 250 ok', 'S: 550 no', 'S: 503 no'], ['C: RSET']],
      ['after a refused DATA', ['S: 250 ok', 'S: 250 ok', 'S: 451 no'], ['C: RSET']],
      ['not after a refused MAIL', ['S: 550 no', 'S: 503 no', 'S: 503 no'], []],
      ['not after a lone dot', ['S: 250 ok', 'S: 550 no', 'S: 354 go', 'C: .', 'S: 554 no'], []],
      ['not after a refused message', [...TAKEN, 'C> message', 'S: 554 no'], []],
    ];
    it.each(cases)('%s', async (_, first, reset) => {
      const next: Step[] = [
        ...reset,
        ...COMMANDS,
        ...(reset.length > 0 ? ['S: 250 reset'] : []),
        ...TAKEN,
        'C> message',
        'S: 250 ok',
      ];
      const outcomes = await run([...COMMANDS, ...first, ...next], async (session) => [
        await session.send(mail()),
        await session.send(mail()),
      ]);
      expect(outcomes).toMatchObject([{ kind: 'refused' }, { kind: 'accepted' }]);
    });

    it('and a refused RSET ends the session without costing the mail an attempt', async () => {
      peer = await startPeer([
        [
          ...PIPELINING,
          ...COMMANDS,
          'S: 250 ok',
          'S: 550 no',
          'S: 503 no',
          'C: RSET',
          ...COMMANDS,
          'S: 502 no',
          '*** eof',
        ],
      ]);
      const session = await open(peer.port);
      await session.send(mail());
      expect(await session.send(mail())).toMatchObject({
        kind: 'lost',
        phase: 'mail',
        free: true,
        error: 'RSET refused: 502 no',
      });
      await peer.done;
    });
  });

  it('send when it may not be called answers at once and sends nothing', async () => {
    const outcomes = await run([...COMMANDS, ...TAKEN, 'C> message', 'S: 250 ok'], (session) => {
      const first = session.send(mail());
      expect(session.canSend).toBe(false);
      return Promise.all([first, session.send(mail())]);
    });
    expect(outcomes).toMatchObject([
      { kind: 'accepted' },
      { kind: 'lost', free: true, duplicateRisk: false },
    ]);
  });
});
