import { afterEach, describe, expect, it } from 'vitest';
import type { SendOutcome, Session } from '../smtp/types.ts';
import { type Peer, type Step, startPeer } from './peer.ts';
import { COMMANDS, mail, open, PIPELINING, TAKEN } from './smtp-helpers.ts';

let peer: Peer;
afterEach(() => peer.stop());

const ONE: Step[] = [...COMMANDS, ...TAKEN, 'C> message', 'S: 250 ok'];

async function session(dialogue: Step[]): Promise<Session> {
  peer = await startPeer([[...PIPELINING, ...dialogue]]);
  return open(peer.port);
}

/** Two mails, the second begun within the write of the first one's dot. */
function overlapped(on: Session): Promise<[SendOutcome, SendOutcome]> {
  return new Promise((resolve) => {
    const first = on.send(mail());
    on.onReady = () => {
      on.onReady = undefined;
      resolve(Promise.all([first, on.send(mail())]));
    };
  });
}

describe('a connection that ends', () => {
  it('before MAIL was answered on a fresh connection: an attempt', async () => {
    const on = await session([...COMMANDS, '*** close']);
    expect(await on.send(mail())).toMatchObject({
      kind: 'lost',
      phase: 'mail',
      free: false,
      duplicateRisk: false,
    });
  });

  it('before MAIL was answered on a reused connection: costs nothing (case 18)', async () => {
    const on = await session([...ONE, 'C: MAIL', '*** drop']);
    await on.send(mail());
    expect(await on.send(mail())).toMatchObject({
      kind: 'lost',
      phase: 'mail',
      free: true,
      duplicateRisk: false,
    });
    expect(on.open).toBe(false);
  });

  it('while it was idle: the next mail costs nothing', async () => {
    const on = await session([...ONE, '*** close']);
    await on.send(mail());
    await on.closed;
    expect(await on.send(mail())).toMatchObject({
      kind: 'lost',
      free: true,
      error: 'connection closed by the server',
    });
  });

  it.each([
    ['rcpt', ['S: 250 ok', '*** close']],
    ['data', ['S: 250 ok', 'S: 250 ok', '*** close']],
  ] as [string, Step[]][])('while %s is awaited on a reused connection: an attempt', async (phase, steps) => {
    const on = await session([...ONE, ...COMMANDS, ...steps]);
    await on.send(mail());
    expect(await on.send(mail())).toMatchObject({ kind: 'lost', phase, free: false, duplicateRisk: false });
  });

  it('after the dot, without a reply: to be tried again, maybe twice delivered (case 26)', async () => {
    const on = await session([...COMMANDS, ...TAKEN, 'C> message', '*** close']);
    expect(await on.send(mail())).toMatchObject({
      kind: 'lost',
      phase: 'dot',
      free: false,
      duplicateRisk: true,
    });
  });

  it('after the dot, with the next mail begun: the one at risk, the other free', async () => {
    const on = await session([...COMMANDS, ...TAKEN, 'C> message', ...COMMANDS, '*** close']);
    expect(await overlapped(on)).toMatchObject([
      { kind: 'lost', phase: 'dot', free: false, duplicateRisk: true },
      { kind: 'lost', phase: 'mail', free: true, duplicateRisk: false },
    ]);
  });

  it('by our own hand: outcomes come, and closed says so', async () => {
    const on = await session([...COMMANDS, ...TAKEN, 'C> message', '*** eof']);
    const sent = on.send(mail());
    await new Promise<void>((resolve) => {
      on.onReady = resolve;
    });
    const order: string[] = [];
    sent.then(() => order.push('outcome'));
    on.onClose = () => setImmediate(() => order.push('close'));
    on.destroy('shutdown');
    expect(await sent).toMatchObject({ kind: 'lost', phase: 'dot', error: 'shutdown', duplicateRisk: true });
    expect(await on.closed).toMatchObject({ error: 'shutdown' });
    await peer.done;
    expect(order).toEqual(['outcome', 'close']);
  });
});

describe('a 421 closes the session (case 16)', () => {
  it.each([
    ['rcpt', ['S: 250 ok', 'S: 421 4.7.0 Bye', '*** eof'], 0],
    ['data', ['S: 250 ok', 'S: 250 ok', 'S: 421 4.7.0 Bye', '*** eof'], 0],
    // once, when the dot was written
    ['dot', [...TAKEN, 'C> message', 'S: 421 4.7.0 Bye', '*** eof'], 1],
  ] as [string, Step[], number][])(
    'at %s: this mail has its reply, and no more is asked for',
    async (phase, steps, readyTimes) => {
      const on = await session([...COMMANDS, ...steps]);
      let ready = 0;
      on.onReady = () => {
        ready += 1;
      };
      expect(await on.send(mail())).toMatchObject({
        kind: 'refused',
        phase,
        reply: { code: 421, status: '4.7.0' },
      });
      expect(await on.closed).toMatchObject({ reply: { code: 421 } });
      expect(on.canSend).toBe(false);
      expect(ready).toBe(readyTimes);
      await peer.done;
    },
  );

  it('at MAIL on a fresh connection: an attempt', async () => {
    const on = await session([...COMMANDS, 'S: 421 4.7.0 Too much', '*** eof']);
    expect(await on.send(mail())).toMatchObject({ kind: 'refused', phase: 'mail', reply: { code: 421 } });
    await peer.done;
  });

  it("at MAIL on a reused connection: the server's limit of messages, costs nothing (case 20)", async () => {
    const on = await session([...ONE, ...COMMANDS, 'S: 421 4.7.0 Max message per connection', '*** eof']);
    await on.send(mail());
    expect(await on.send(mail())).toMatchObject({
      kind: 'lost',
      phase: 'mail',
      free: true,
      duplicateRisk: false,
      reply: { code: 421 },
      error: '421 4.7.0 Max message per connection',
    });
    await peer.done;
  });

  it('to a dot with the next mail begun: the first has its reply, the other is free, and no more is sent', async () => {
    const on = await session([
      ...COMMANDS,
      ...TAKEN,
      'C> message',
      ...COMMANDS,
      'S: 421 4.3.2 Shutting down',
      '*** eof',
    ]);
    let ready = 0;
    const outcomes = await overlapped(on);
    on.onReady = () => {
      ready += 1;
    };
    expect(outcomes).toMatchObject([
      { kind: 'refused', phase: 'dot', reply: { code: 421 } },
      { kind: 'lost', phase: 'mail', free: true, duplicateRisk: false, reply: { code: 421 } },
    ]);
    await on.closed;
    expect(ready).toBe(0);
    await peer.done;
  });
});

describe('QUIT', () => {
  it.each([
    ['a strange reply', ['S: 554 never']],
    ['no reply', []],
    ['a dropped connection', ['*** drop']],
  ] as [string, Step[]][])('%s is ignored (case 19)', async (_, steps) => {
    const on = await session([...ONE, 'C: QUIT', ...steps, '*** eof', '*** close']);
    await on.send(mail());
    await on.quit();
    expect(await on.closed).toMatchObject({ error: '' });
  });

  it('goes out after what is in flight', async () => {
    const on = await session([...COMMANDS, ...TAKEN, 'C> message', 'S: 250 ok', 'C= QUIT', 'S: 221 bye']);
    const sent = on.send(mail());
    const gone = on.quit();
    expect(on.canSend).toBe(false);
    expect(await sent).toMatchObject({ kind: 'accepted' });
    await gone;
    await peer.done;
  });
});
