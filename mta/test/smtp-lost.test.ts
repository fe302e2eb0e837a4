import { afterEach, describe, expect, it } from 'vitest';
import type { Session } from '../smtp/types.ts';
import { type Peer, type Step, startPeer } from './peer.ts';
import { COMMANDS, mail, open, PIPELINING, TAKEN } from './smtp-helpers.ts';

let peer: Peer;
afterEach(() => peer.stop());

async function session(dialogue: Step[]): Promise<Session> {
  peer = await startPeer([[...PIPELINING, ...dialogue]]);
  return open(peer.port);
}

describe('a connection that ends', () => {
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
