import { afterEach, describe, expect, it } from 'vitest';
import { type Peer, type Step, startPeer } from './peer.ts';
import { mail, open, PLAIN } from './smtp-helpers.ts';

let peer: Peer;
afterEach(() => peer.stop());

const MAIL = 'C= MAIL FROM:<bounce@example.test>';
const RCPT = 'C= RCPT TO:<neko@example.test>';

describe('transactions without PIPELINING', () => {
  it('give one command at a time, and the next mail after the last reply', async () => {
    const one: Step[] = [
      MAIL,
      'S: 250 ok',
      RCPT,
      'S: 251 will forward',
      'C= DATA',
      'S: 354 go',
      'C> message',
      'S: 250 taken',
    ];
    const beforeReply: boolean[] = [];
    const look = (): unknown => beforeReply.push(session.canSend);
    peer = await startPeer([
      [...PLAIN, ...one.slice(0, -1), look, ...one.slice(-1), ...one, 'C= QUIT', 'S: 221 bye'],
    ]);
    const session = await open(peer.port);
    const first = session.send(mail());
    expect(session.canSend).toBe(false);
    const ready = new Promise<void>((resolve) => {
      session.onReady = resolve;
    });
    expect(await first).toMatchObject({ kind: 'accepted' });
    await ready;
    expect(await session.send(mail())).toMatchObject({ kind: 'accepted' });
    await session.quit();
    await peer.done;
    expect(peer.messages).toHaveLength(2);
    expect(beforeReply).toEqual([false]);
  });

  const refusals: [string, Step[], object, Step[]][] = [
    ['MAIL', [MAIL, 'S: 550 no'], { phase: 'mail' }, []],
    ['RCPT', [MAIL, 'S: 250 ok', RCPT, 'S: 550 no'], { phase: 'rcpt' }, ['C= RSET', 'S: 250 ok']],
    [
      'DATA',
      [MAIL, 'S: 250 ok', RCPT, 'S: 250 ok', 'C= DATA', 'S: 554 no'],
      { phase: 'data' },
      ['C= RSET', 'S: 250 ok'],
    ],
    [
      'the message',
      [MAIL, 'S: 250 ok', RCPT, 'S: 250 ok', 'C= DATA', 'S: 354 go', 'C> message', 'S: 554 no'],
      { phase: 'dot' },
      [],
    ],
  ];
  it.each(refusals)(
    'a refused %s leaves the session good for the next mail',
    async (_, first, expected, reset) => {
      peer = await startPeer([
        [
          ...PLAIN,
          ...first,
          ...reset,
          MAIL,
          'S: 250 ok',
          RCPT,
          'S: 250 ok',
          'C= DATA',
          'S: 354 go',
          'C> message',
          'S: 250 taken',
          '*** eof',
        ],
      ]);
      const session = await open(peer.port);
      expect(await session.send(mail())).toMatchObject({ kind: 'refused', ...expected });
      expect(session.canSend).toBe(true);
      expect(await session.send(mail())).toMatchObject({ kind: 'accepted' });
      session.destroy();
      await peer.done;
    },
  );
});
