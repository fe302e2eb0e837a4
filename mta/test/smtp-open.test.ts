import { afterEach, describe, expect, it } from 'vitest';
import { openSession } from '../smtp/session.ts';
import { type Peer, type PeerOptions, type Step, startPeer } from './peer.ts';
import { open, options, PIPELINING } from './smtp-helpers.ts';

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
  it('reads the banner and what EHLO offers, byte by byte if need be', async () => {
    const peer = await start(
      [
        [
          'S: 220-mx.test ESMTP',
          'S: 220 at your service',
          'C: EHLO me.test',
          'S: 250-mx.test',
          'S: 250-PIPELINING',
          'S: 250-size 1000000',
          'S: 250-8BITMIME',
          'S: 250-SMTPUTF8',
          'S: 250-AUTH=LOGIN',
          'S: 250-AUTH PLAIN LOGIN',
          'S: 250 STARTTLS',
          '*** eof',
        ],
      ],
      { split: 1 },
    );
    const session = await open(peer.port);
    expect(session.info).toEqual({
      tls: '',
      tlsPolicy: 'none',
      localAddress: '127.0.0.1',
      remoteAddress: '127.0.0.1',
      capabilities: {
        esmtp: true,
        pipelining: true,
        eightBitMime: true,
        smtpUtf8: true,
        startTls: true,
        sizeOffered: true,
        size: 1000000,
        auth: ['LOGIN', 'PLAIN'],
      },
    });
    expect(session).toMatchObject({ canSend: true, open: true, messages: 0, inFlight: 0 });
    session.destroy();
    await peer.done;
  });

  it('says HELO to a server that does not know EHLO (case 14)', async () => {
    const peer = await start([
      ['S: 220 mx', 'C: EHLO me.test', 'S: 502 What?', 'C: HELO me.test', 'S: 250 mx', '*** eof'],
    ]);
    const session = await open(peer.port);
    expect(session.info.capabilities).toMatchObject({ esmtp: false, pipelining: false, sizeOffered: false });
    session.destroy();
    await peer.done;
  });

  it('does not say HELO when EHLO was refused for now', async () => {
    const peer = await start([
      ['S: 220 mx', 'C: EHLO me.test', 'S: 451 4.3.0 Not now', 'C: QUIT', '*** eof'],
    ]);
    const outcome = await openSession(options(peer.port));
    expect(outcome).toMatchObject({
      ok: false,
      phase: 'ehlo',
      reply: { code: 451, status: '4.3.0', text: '451 4.3.0 Not now' },
    });
    await peer.done;
  });

  it.each(['554 5.7.1 No SMTP service here', '421 4.3.2 Later', '450 Busy'])(
    'tells of a refusing banner: %s (cases 6, 17)',
    async (banner) => {
      const peer = await start([[`S: ${banner}`, '*** eof']]);
      const outcome = await openSession(options(peer.port));
      expect(outcome).toMatchObject({ ok: false, phase: 'banner', reply: { text: banner } });
    },
  );

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

  it('binds the source address that it is told', async () => {
    const peer = await start([[...PIPELINING, '*** eof']]);
    const session = await open(peer.port, { localAddress: '127.0.0.9' });
    expect(session.info.localAddress).toBe('127.0.0.9');
    session.destroy();
    await peer.done;
  });

  it.each(['192.0.2.1', 'nonsense'])(
    'never uses another source when %s cannot be bound (case 12)',
    async (localAddress) => {
      const peer = await start([]);
      const outcome = await openSession(options(peer.port, { localAddress }));
      expect(outcome).toMatchObject({
        ok: false,
        phase: 'connect',
        error: expect.stringMatching(/EADDRNOTAVAIL|is no IP address/),
        bindFailed: true,
      });
      expect(peer.connections).toBe(0);
    },
  );

  it.each([
    ['a server that refuses', '127.0.0.1', '127.0.0.1', 'ECONNREFUSED'],
    ['a server of the other address family', '127.0.0.1', '::1', '::1 cannot be reached from 127.0.0.1'],
  ])('does not blame the source for %s', async (_, localAddress, address, error) => {
    const peer = await start([]);
    await peer.stop();
    const outcome = await openSession(options(peer.port, { localAddress, address }));
    expect(outcome).toMatchObject({ ok: false, phase: 'connect', error: expect.stringContaining(error) });
    expect(outcome).not.toMatchObject({ bindFailed: true });
  });

  it("an idle session hears of the server's farewell", async () => {
    const { promise: opened, resolve } = Promise.withResolvers<void>();
    const peer = await start([[...PIPELINING, () => opened, 'S: 421 4.4.2 Idle for too long', '*** close']]);
    const session = await open(peer.port);
    resolve();
    const info = await session.closed;
    expect(info).toMatchObject({ error: '421 4.4.2 Idle for too long', reply: { code: 421 } });
    expect(session).toMatchObject({ open: false, canSend: false });
    await peer.done;
  });
});
