/** 15. Every wait has its time: banner, MAIL and RCPT 5 min, DATA 2, a block 3, the final dot 10 (RFC 5321 §4.5.3.2). */
import { afterEach, describe, expect, it } from 'vitest';
import { openSession } from '../../smtp/session.ts';
import { DEFAULT_TIMEOUTS } from '../../smtp/timeouts.ts';
import { ManualClock } from '../manual-clock.ts';
import { type Peer, type Step, startPeer } from '../peer.ts';
import { COMMANDS, mail, open, options, PIPELINING, TAKEN } from '../smtp-helpers.ts';

let peer: Peer;
afterEach(() => peer.stop());

const minutes = (count: number): number => count * 60_000;

/** A dialogue that lets the clock run when the server has reached a point; the server then says nothing more. */
function silentAfter(clock: ManualClock, ms: number, ...steps: Step[]): Step[] {
  return [...steps, () => setImmediate(() => clock.advance(ms)), '*** eof'];
}

describe('timeouts', () => {
  it('are at least those of RFC 5321 §4.5.3.2', async () => {
    peer = await startPeer([]);
    expect(DEFAULT_TIMEOUTS).toMatchObject({
      banner: minutes(5),
      mail: minutes(5),
      rcpt: minutes(5),
      data: minutes(2),
      block: minutes(3),
      dot: minutes(10),
    });
  });

  const opening: [string, Step[], number, object][] = [
    ['banner', [], minutes(5), { phase: 'banner', error: 'timeout (banner, 300 s)' }],
    ['ehlo', ['S: 220 mx', 'C: EHLO'], minutes(5), { phase: 'ehlo', error: 'timeout (ehlo, 300 s)' }],
    [
      'starttls',
      ['S: 220 mx', 'C: EHLO', 'S: 250-mx', 'S: 250 STARTTLS', 'C: STARTTLS'],
      minutes(2),
      { phase: 'starttls', error: 'timeout (starttls, 120 s)' },
    ],
    [
      'handshake',
      ['S: 220 mx', 'C: EHLO', 'S: 250-mx', 'S: 250 STARTTLS', 'C: STARTTLS', 'S: 220 go'],
      minutes(2),
      { phase: 'starttls', error: 'timeout (handshake, 120 s)' },
    ],
  ];
  it.each(opening)('%s while opening', async (_, steps, ms, expected) => {
    const clock = new ManualClock();
    peer = await startPeer([silentAfter(clock, ms, ...steps)]);
    const outcome = await openSession(options(peer.port, { clock, tls: { mode: 'required' } }));
    expect(outcome).toMatchObject({ ok: false, ...expected, ms });
    expect(clock.pending).toBe(0);
    await peer.done;
  });

  const sending: [string, Step[], number, object][] = [
    [
      'mail',
      COMMANDS,
      minutes(5),
      { phase: 'mail', error: 'timeout (mail, 300 s)', free: false, duplicateRisk: false },
    ],
    [
      'rcpt',
      [...COMMANDS, 'S: 250 ok'],
      minutes(5),
      { phase: 'rcpt', error: 'timeout (rcpt, 300 s)', duplicateRisk: false },
    ],
    [
      'data',
      [...COMMANDS, 'S: 250 ok', 'S: 250 ok'],
      minutes(2),
      { phase: 'data', error: 'timeout (data, 120 s)', duplicateRisk: false },
    ],
    [
      'dot',
      [...COMMANDS, ...TAKEN, 'C> message'],
      minutes(10),
      { phase: 'dot', error: 'timeout (dot, 600 s)', duplicateRisk: true },
    ],
  ];
  it.each(sending)('%s in a transaction', async (_, steps, ms, expected) => {
    const clock = new ManualClock();
    peer = await startPeer([silentAfter(clock, ms, ...PIPELINING, ...steps)]);
    const session = await open(peer.port, { clock });
    const outcome = await session.send(mail());
    expect(outcome).toMatchObject({ kind: 'lost', ...expected, ms });
    expect(session.open).toBe(false);
    await peer.done;
  });

  it('do not fire a moment earlier, and each reply begins the next wait', async () => {
    const clock = new ManualClock();
    const pass = (ms: number) => (): Promise<void> =>
      new Promise((resolve) =>
        setImmediate(() => {
          clock.advance(ms);
          resolve();
        }),
      );
    const { promise: waited, resolve } = Promise.withResolvers<void>();
    peer = await startPeer([
      [
        pass(minutes(5) - 1),
        'S: 220 mx',
        'C: EHLO',
        pass(minutes(5) - 1),
        'S: 250-mx',
        'S: 250 PIPELINING',
        ...COMMANDS,
        pass(minutes(5) - 1),
        'S: 250 ok',
        'S: 250 ok',
        pass(minutes(2) - 1),
        () => resolve(),
        '*** eof',
      ],
    ]);
    const session = await open(peer.port, { clock });
    const sent = session.send(mail());
    await waited;
    expect(session.open).toBe(true);
    clock.advance(1);
    expect(await sent).toMatchObject({ kind: 'lost', phase: 'data', error: 'timeout (data, 120 s)' });
    await peer.done;
  });

  it('a server that does not take the message in is given up after the block timeout', async () => {
    const clock = new ManualClock();
    peer = await startPeer([
      [
        ...PIPELINING,
        ...COMMANDS,
        (connection) => connection.socket.pause(),
        ...TAKEN,
        () => setImmediate(() => clock.advance(minutes(3))),
      ],
    ]);
    const session = await open(peer.port, { clock });
    // More than the kernel keeps for both ends, so the write stalls.
    const message = Buffer.alloc(64 * 1024 * 1024, `${'x'.repeat(76)}\r\n`);
    const outcome = await session.send(mail({ message }));
    expect(outcome).toMatchObject({
      kind: 'lost',
      phase: 'dot',
      error: 'timeout (block, 180 s)',
      duplicateRisk: false,
    });
  });
});
