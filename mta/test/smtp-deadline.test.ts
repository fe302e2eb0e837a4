/** One timer for a whole session, however many waits it has. */
import { afterEach, describe, expect, it } from 'vitest';
import { Deadline } from '../smtp/timeouts.ts';
import { ManualClock } from './manual-clock.ts';
import { type Peer, startPeer } from './peer.ts';
import { COMMANDS, mail, open, PIPELINING, TAKEN } from './smtp-helpers.ts';

let peer: Peer | undefined;
afterEach(() => peer?.stop());

const minutes = (count: number): number => count * 60_000;

describe('timeouts', () => {
  it('cost next to no timers, however many mails are sent', async () => {
    const clock = new ManualClock();
    const one = [...COMMANDS, ...TAKEN, 'C> message', 'S: 250 ok'];
    peer = await startPeer([[...PIPELINING, ...Array.from({ length: 50 }, () => one).flat(), '*** eof']]);
    const session = await open(peer.port, { clock });
    const before = clock.made;
    for (let i = 0; i < 50; i += 1) expect(await session.send(mail())).toMatchObject({ kind: 'accepted' });
    // The first 2 min wait (DATA) needs an earlier look than the 5 min one before it; afterwards the timer stands.
    expect(clock.made - before).toBeLessThanOrEqual(2);
    session.destroy();
    await peer.done;
  });

  it('a shorter wait after a longer one ends in its own time', () => {
    const clock = new ManualClock();
    let expired = 0;
    const deadline = new Deadline(clock, () => {
      expired += 1;
    });
    deadline.set(minutes(10), clock.now());
    deadline.set(minutes(2), clock.now());
    clock.advance(minutes(2) - 1);
    expect(expired).toBe(0);
    clock.advance(1);
    expect(expired).toBe(1);
    clock.advance(minutes(60));
    expect(expired).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it('nothing awaited, nothing ends', () => {
    const clock = new ManualClock();
    const deadline = new Deadline(clock, () => expect.unreachable());
    deadline.set(minutes(5), clock.now());
    deadline.clear();
    clock.advance(minutes(60));
    deadline.set(minutes(5), clock.now());
    deadline.stop();
    expect(clock.pending).toBe(0);
  });
});
