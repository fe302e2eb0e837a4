import { afterEach, describe, expect, it } from 'vitest';
import { selfSignedCertificate } from '../sandbox/certificate.ts';
import { openSession } from '../smtp/session.ts';
import type { TlsMode } from '../types.ts';
import { type Peer, type PeerConnection, type Step, startPeer } from './peer.ts';
import { COMMANDS, GREETING, mail, open, options, PIPELINING, TAKEN } from './smtp-helpers.ts';

let peer: Peer;
afterEach(() => peer.stop());

const OFFER: Step[] = [...GREETING, 'S: 250-mx.test', 'S: 250 STARTTLS', 'C= STARTTLS'];
const SECURED: Step[] = [
  ...OFFER,
  'S: 220 Go',
  '*** starttls',
  'C: EHLO me.test',
  'S: 250-mx.test',
  'S: 250 PIPELINING',
];
/** Answers the client's hello with something that is no TLS. */
async function noTls(connection: PeerConnection): Promise<void> {
  await connection.anything();
  await connection.say('I cannot speak TLS, sorry\r\n');
}

describe('STARTTLS', () => {
  it.each<TlsMode>(['opportunistic', 'required', 'verified'])(
    '%s: mail goes out encrypted, and EHLO is said again',
    async (mode) => {
      peer = await startPeer([
        [...SECURED, ...COMMANDS, ...TAKEN, 'C> message', 'S: 250 2.0.0 Taken', 'C: QUIT', 'S: 221 Bye'],
      ]);
      const session = await open(peer.port, { tls: { mode, ca: peer.cert } });
      expect(session.info.tls).toMatch(/^TLSv1\.3 TLS_\w+$/);
      expect(session.info.capabilities).toMatchObject({ pipelining: true, startTls: false });
      expect(await session.send(mail())).toMatchObject({ kind: 'accepted' });
      await session.quit();
      await peer.done;
      expect(peer.messages).toHaveLength(1);
    },
  );

  it('bytes that came in clear behind the 220 are discarded (case 35)', async () => {
    peer = await startPeer([
      [
        ...OFFER,
        'S: 220 Go',
        'S: 250-injected',
        'S: 250-SIZE 1',
        'S: 250 SMTPUTF8',
        '*** starttls',
        'C: EHLO me.test',
        'S: 250-mx.test',
        'S: 250 PIPELINING',
        '*** eof',
      ],
    ]);
    const session = await open(peer.port, { tls: { mode: 'required' } });
    expect(session.info.capabilities).toMatchObject({ pipelining: true, size: 0, smtpUtf8: false });
    session.destroy();
    await peer.done;
  });

  it('opportunistic: a failed handshake means a new connection in clear, and the caller is told (case 36)', async () => {
    peer = await startPeer([
      [...OFFER, 'S: 220 Go', noTls],
      [...PIPELINING, ...COMMANDS, ...TAKEN, 'C> message', 'S: 250 Taken', '*** eof'],
    ]);
    const outcome = await openSession(options(peer.port, { tls: { mode: 'opportunistic' } }));
    expect(outcome).toMatchObject({
      ok: true,
      tlsFailed: { result: 'validation-failure', text: expect.stringMatching(/SSL/) },
    });
    if (!outcome.ok) return;
    expect(outcome.session.info.tls).toBe('');
    expect(await outcome.session.send(mail())).toMatchObject({ kind: 'accepted' });
    outcome.session.destroy();
    await peer.done;
  });

  it('opportunistic: a server that drops the connection at STARTTLS is tried in clear', async () => {
    peer = await startPeer([
      [...OFFER, '*** drop'],
      [...PIPELINING, '*** eof'],
    ]);
    const outcome = await openSession(options(peer.port, { tls: { mode: 'opportunistic' } }));
    expect(outcome).toMatchObject({ ok: true, tlsFailed: { result: 'validation-failure' } });
    if (outcome.ok) outcome.session.destroy();
    await peer.done;
  });

  it('opportunistic: a refused STARTTLS goes on in clear on the same connection (RFC 3207 §4.1)', async () => {
    peer = await startPeer([
      [...OFFER, 'S: 454 4.7.0 No TLS now', ...COMMANDS.slice(0, 1), 'S: 550 5.7.0 x', '*** eof'],
    ]);
    const outcome = await openSession(options(peer.port, { tls: { mode: 'opportunistic' } }));
    expect(outcome).toMatchObject({
      ok: true,
      tlsFailed: { result: 'starttls-not-supported', text: '454 4.7.0 No TLS now' },
    });
    if (!outcome.ok) return;
    expect(await outcome.session.send(mail())).toMatchObject({ kind: 'refused', phase: 'mail' });
    outcome.session.destroy();
    await peer.done;
  });

  it('opportunistic: a refused clear connection after the failed handshake keeps both causes', async () => {
    peer = await startPeer([
      [...OFFER, 'S: 220 Go', noTls],
      ['S: 554 5.7.1 Go away', '*** eof'],
    ]);
    const outcome = await openSession(options(peer.port, { tls: { mode: 'opportunistic' } }));
    expect(outcome).toMatchObject({
      ok: false,
      phase: 'banner',
      reply: { code: 554 },
      tlsFailed: { result: 'validation-failure', text: expect.stringMatching(/SSL/) },
    });
  });

  it('opportunistic: goes on in clear where STARTTLS is not offered; none: does not use it where it is', async () => {
    peer = await startPeer([
      [...PIPELINING, '*** eof'],
      [...GREETING, 'S: 250-mx.test', 'S: 250 STARTTLS', '*** eof'],
    ]);
    for (const mode of ['opportunistic', 'none'] as const) {
      const session = await open(peer.port, { tls: { mode } });
      expect(session.info.tls).toBe('');
      session.destroy();
    }
    await peer.done;
  });

  describe('required never sends MAIL in clear (case 39)', () => {
    const refusals: [string, Step[], object][] = [
      [
        'not offered',
        [...PIPELINING, 'C: QUIT', '*** eof'],
        { error: expect.stringContaining('STARTTLS is not offered') },
      ],
      ['refused', [...OFFER, 'S: 454 4.7.0 No', 'C: QUIT', '*** eof'], { reply: { code: 454 } }],
      ['handshake failed', [...OFFER, 'S: 220 Go', noTls], { error: expect.stringMatching(/SSL/) }],
      [
        'HELO only',
        ['S: 220 mx', 'C: EHLO', 'S: 500 What?', 'C: HELO', 'S: 250 mx', 'C: QUIT', '*** eof'],
        { error: expect.stringContaining('STARTTLS is not offered') },
      ],
    ];
    it.each(refusals)('%s', async (_, dialogue, expected) => {
      peer = await startPeer([dialogue]);
      const outcome = await openSession(options(peer.port, { tls: { mode: 'required' } }));
      expect(outcome).toMatchObject({ ok: false, phase: 'starttls', ...expected });
      await peer.done;
      expect(peer.connections).toBe(1);
      expect(peer.lines.filter((line) => line.startsWith('MAIL'))).toEqual([]);
    });

    it('takes any certificate', async () => {
      peer = await startPeer([[...SECURED, '*** eof']]);
      const session = await open(peer.port, { host: 'other.test', tls: { mode: 'required' } });
      expect(session.info.tls).not.toBe('');
      session.destroy();
      await peer.done;
    });
  });

  describe('verified checks the certificate', () => {
    const cases: [string, { host: string; trusted: boolean }, RegExp][] = [
      [
        'of another name',
        { host: 'other.test', trusted: true },
        /does not match certificate|ERR_TLS_CERT_ALTNAME_INVALID/,
      ],
      ['of nobody that is trusted', { host: 'mx.test', trusted: false }, /DEPTH_ZERO_SELF_SIGNED_CERT/],
    ];
    it.each(cases)('%s: refused', async (_, { host, trusted }, error) => {
      peer = await startPeer([
        [...OFFER, 'S: 220 Go', (connection) => connection.play(['*** starttls']).catch(() => {})],
      ]);
      const ca = trusted ? peer.cert : selfSignedCertificate('mx.test').cert;
      const outcome = await openSession(options(peer.port, { host, tls: { mode: 'verified', ca } }));
      expect(outcome).toMatchObject({ ok: false, phase: 'starttls', error: expect.stringMatching(error) });
      await peer.done;
      expect(peer.connections).toBe(1);
    });

    it('for a host that is named by its address', async () => {
      peer = await startPeer([[...SECURED, '*** eof']]);
      const session = await open(peer.port, { host: '127.0.0.1', tls: { mode: 'verified', ca: peer.cert } });
      expect(session.info.tls).not.toBe('');
      session.destroy();
      await peer.done;
    });
  });
});

describe('AUTH', () => {
  const auth = { user: 'sender', password: 'geheim ☃' };
  const plain = `AUTH PLAIN ${Buffer.from('\0sender\0geheim ☃').toString('base64')}`;
  const login: Step[] = [
    'C: AUTH LOGIN',
    'S: 334 VXNlcm5hbWU6',
    `C: ${Buffer.from('sender').toString('base64')}`,
    'S: 334 UGFzc3dvcmQ6',
    `C: ${Buffer.from('geheim ☃').toString('base64')}`,
  ];
  const secured = (offer: string): Step[] => [...SECURED.slice(0, -1), `S: 250 ${offer}`];

  it('PLAIN over TLS', async () => {
    peer = await startPeer([
      [...secured('AUTH LOGIN PLAIN'), `C: ${plain}`, 'S: 235 2.7.0 Welcome', '*** eof'],
    ]);
    const session = await open(peer.port, { auth, tls: { mode: 'required' } });
    session.destroy();
    await peer.done;
  });

  it('LOGIN where there is no PLAIN; in clear to loopback', async () => {
    peer = await startPeer([
      [...GREETING, 'S: 250-mx.test', 'S: 250 AUTH CRAM-MD5 LOGIN', ...login, 'S: 235 Welcome', '*** eof'],
    ]);
    const session = await open(peer.port, { auth });
    session.destroy();
    await peer.done;
  });

  it.each([
    [
      'refused',
      [`C: ${plain}`, 'S: 535 5.7.8 Wrong', 'C: QUIT', '*** eof'],
      'AUTH PLAIN',
      { reply: { code: 535, status: '5.7.8' } },
    ],
    [
      'refused half-way',
      [...login.slice(0, 1), 'S: 504 No', 'C: QUIT', '*** eof'],
      'AUTH LOGIN',
      { reply: { code: 504 } },
    ],
    [
      'not offered',
      ['C: QUIT', '*** eof'],
      'AUTH GSSAPI',
      { error: 'the server offers neither AUTH PLAIN nor AUTH LOGIN' },
    ],
  ] as [string, Step[], string, object][])(
    '%s: the session is not opened',
    async (_, steps, offer, expected) => {
      peer = await startPeer([[...secured(offer), ...steps]]);
      const outcome = await openSession(options(peer.port, { auth, tls: { mode: 'required' } }));
      expect(outcome).toMatchObject({ ok: false, phase: 'auth', ...expected });
      await peer.done;
    },
  );
});
