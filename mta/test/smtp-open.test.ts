import { afterEach, describe, expect, it } from 'vitest';
import { openSession } from '../smtp/session.ts';
import { type Peer, type PeerOptions, type Step, startPeer } from './peer.ts';
import { options } from './smtp-helpers.ts';

const peers: Peer[] = [];
async function start(dialogues: Step[][], peerOptions?: PeerOptions): Promise<Peer> {
  const peer = await startPeer(dialogues, peerOptions);
  peers.push(peer);
  return peer;
}
afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.stop()));
});

describe('opening a session', () => {
  it('tells of a server that goes before its banner', async () => {
    const peer = await start([['*** close']]);
    expect(await openSession(options(peer.port))).toMatchObject({
      ok: false,
      phase: 'banner',
      error: 'connection closed by the server',
    });
  });

  it('tells of something that does not speak SMTP', async () => {
    const peer = await start([['S: SSH-2.0-OpenSSH_9.2', '*** eof']]);
    expect(await openSession(options(peer.port))).toMatchObject({
      ok: false,
      phase: 'banner',
      error: 'not an SMTP reply: SSH-2.0-OpenSSH_9.2',
    });
    await peer.done;
  });

  it('tells of a refused connection', async () => {
    const peer = await start([]);
    await peer.stop();
    const outcome = await openSession(options(peer.port));
    expect(outcome).toMatchObject({
      ok: false,
      phase: 'connect',
      error: expect.stringContaining('ECONNREFUSED'),
    });
  });
});
