import { afterEach, describe, expect, it } from 'vitest';
import type { Session } from '../smtp/types.ts';
import { type Peer, type Step, startPeer } from './peer.ts';
import { type ResettingPeer, startResettingPeer } from './resetting-peer.ts';
import { COMMANDS, GREETING, mail, open, PIPELINING, TAKEN } from './smtp-helpers.ts';

let peer: Peer | ResettingPeer;
afterEach(() => peer.stop());

async function session(dialogue: Step[]): Promise<Session> {
  peer = await startPeer([[...PIPELINING, ...dialogue]]);
  return open(peer.port);
}

const OFFER = [...GREETING, 'S: 250-mx.test', 'S: 250 STARTTLS', 'C: STARTTLS', 'S: 220 Go', '*** starttls'];
const ONE_MAIL = [...COMMANDS, ...TAKEN, 'C> message'] as string[];

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
    await (peer as Peer).done;
    expect(order).toEqual(['outcome', 'close']);
  });

  it.each([
    ['in clear', [...PIPELINING, ...ONE_MAIL], 'none'],
    ['with TLS', [...OFFER, 'C: EHLO me.test', ...PIPELINING.slice(2), ...ONE_MAIL], 'required'],
  ] as const)(
    'by a reset behind "250", before our next write: the reply counts (%s)',
    async (_, dialogue, mode) => {
      const server = await startResettingPeer(dialogue as string[]);
      peer = server;
      const on = await open(server.port, { tls: { mode } });
      const first = on.send(mail());
      await new Promise<void>((resolve) => {
        on.onReady = resolve;
      });
      // Reply and reset arrive while nobody reads; then the next mail is written.
      server.awaitReset();
      const second = on.send(mail());
      expect(await first).toMatchObject({ kind: 'accepted', reply: { text: '250 2.0.0 Taken' } });
      expect(await second).toMatchObject({ kind: 'lost', phase: 'mail', duplicateRisk: false, free: true });
    },
  );
});
