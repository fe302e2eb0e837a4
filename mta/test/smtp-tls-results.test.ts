/** What an opened or refused session tells of TLS, in the words of RFC 8460, and what it shows and checks. */
import { X509Certificate } from 'node:crypto';
import type tls from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { issueCertificate } from '../sandbox/certificate.ts';
import { openSession } from '../smtp/session.ts';
import type { SessionTls } from '../smtp/types.ts';
import { type Peer, type PeerConnection, type PeerOptions, type Step, startPeer } from './peer.ts';
import { GREETING, options, PLAIN } from './smtp-helpers.ts';

const HOUR = 3_600_000;
const ca = issueCertificate({ commonName: 'Test root', ca: true });
const middle = issueCertificate({ commonName: 'Test issuer', ca: true, issuer: ca });
const leaf = issueCertificate({ commonName: 'mx.test', hosts: ['mx.test'], issuer: middle });
const good = { key: leaf.key, cert: leaf.cert + middle.cert };
const other = issueCertificate({ commonName: 'other.test', hosts: ['other.test'], issuer: ca });
const expired = issueCertificate({
  commonName: 'mx.test',
  hosts: ['mx.test'],
  issuer: ca,
  from: Date.now() - 2 * HOUR,
  to: Date.now() - HOUR,
});
const stranger = issueCertificate({ commonName: 'mx.test', hosts: ['mx.test'] });

let peer: Peer;
afterEach(() => peer.stop());

const OFFER: Step[] = [...GREETING, 'S: 250-mx.test', 'S: 250 STARTTLS', 'C= STARTTLS'];
const SECURED: Step[] = [
  ...OFFER,
  'S: 220 Go',
  '*** starttls',
  'C: EHLO me.test',
  'S: 250 mx.test',
  '*** eof',
];
/** It goes within or right after the handshake, and says nothing more. */
const REFUSED: Step[] = [
  ...OFFER,
  'S: 220 Go',
  (connection: PeerConnection) => connection.play(['*** starttls', '*** eof']).catch(() => {}),
];

async function open(steps: Step[], tls: SessionTls, peerOptions: PeerOptions = {}) {
  peer = await startPeer([steps], peerOptions);
  const outcome = await openSession(options(peer.port, { tls }));
  if (outcome.ok) outcome.session.destroy();
  await peer.done;
  return outcome;
}

const CERTIFICATES = [
  ['certificate-host-mismatch', other],
  ['certificate-expired', expired],
  ['certificate-not-trusted', stranger],
] as const;

describe('verified', () => {
  it('a chain up to the trusted certificate: nothing is wrong', async () => {
    const outcome = await open(
      SECURED,
      { mode: 'verified', policy: 'mta-sts', ca: ca.cert },
      { certificate: good },
    );
    expect(outcome).toMatchObject({ ok: true, session: { info: { tlsPolicy: 'mta-sts' } } });
    expect(outcome).toMatchObject({ tlsProblem: undefined, tlsFailed: undefined });
  });

  it.each(CERTIFICATES)('%s: no command follows the handshake', async (result, certificate) => {
    const outcome = await open(REFUSED, { mode: 'verified', ca: ca.cert }, { certificate });
    expect(outcome).toMatchObject({ ok: false, phase: 'starttls', tlsUnmet: true, tlsProblem: { result } });
    expect(peer.lines).toEqual(['EHLO me.test', 'STARTTLS']);
  });
});

describe('looking without refusing (MTA-STS testing)', () => {
  it.each(CERTIFICATES)('%s is told, and the session goes on', async (result, certificate) => {
    const outcome = await open(
      SECURED,
      { mode: 'opportunistic', observe: true, ca: ca.cert },
      { certificate },
    );
    expect(outcome).toMatchObject({ ok: true, tlsProblem: { result }, tlsFailed: undefined });
  });

  it('without observing nobody looks', async () => {
    const outcome = await open(SECURED, { mode: 'opportunistic' }, { certificate: expired });
    expect(outcome).toMatchObject({ ok: true, tlsProblem: undefined });
  });
});

describe('no TLS to be had', () => {
  const problem = { result: 'starttls-not-supported' };
  it('opportunistic: told, and not to be remembered, as nothing was tried', async () => {
    const outcome = await open([...PLAIN, '*** eof'], { mode: 'opportunistic' });
    expect(outcome).toMatchObject({ ok: true, tlsProblem: problem, tlsFailed: undefined });
  });
  it.each([
    ['not offered', [...PLAIN, 'C: QUIT', '*** eof']],
    ['refused', [...OFFER, 'S: 502 5.5.1 No', 'C: QUIT', '*** eof']],
  ] as [string, Step[]][])('required, %s: the requirement is unmet', async (_, steps) => {
    expect(await open(steps, { mode: 'required' })).toMatchObject({
      ok: false,
      tlsProblem: problem,
      tlsUnmet: true,
    });
  });
  it('a 421 to STARTTLS says nothing about TLS', async () => {
    const outcome = await open([...OFFER, 'S: 421 4.3.2 Later', '*** eof'], { mode: 'required' });
    expect(outcome).toMatchObject({
      ok: false,
      reply: { code: 421 },
      tlsUnmet: false,
      tlsProblem: undefined,
    });
  });
  it('a server that is not there says nothing about TLS either', async () => {
    peer = await startPeer([]);
    await peer.stop();
    const outcome = await openSession(options(peer.port, { tls: { mode: 'verified' } }));
    expect(outcome).toMatchObject({ ok: false, phase: 'connect', tlsUnmet: false, tlsProblem: undefined });
  });
});

describe('a check of our own (DANE)', () => {
  it('sees the chain as it was sent, and passes what it likes, whoever has signed it', async () => {
    let seen: string[] = [];
    const verify = (chain: readonly X509Certificate[]) => {
      seen = chain.map(({ subject }) => subject);
      return undefined;
    };
    const outcome = await open(
      SECURED,
      { mode: 'verified', policy: 'dane', verify, verifyKey: 'a' },
      { certificate: good },
    );
    expect(outcome).toMatchObject({ ok: true, tlsProblem: undefined });
    expect(seen).toEqual(['CN=mx.test', 'CN=Test issuer']);
  });

  it('refuses what it does not', async () => {
    const problem = { result: 'validation-failure', text: 'no record fits' } as const;
    const tls: SessionTls = { mode: 'verified', verify: () => problem, verifyKey: 'b', ca: ca.cert };
    const outcome = await open(REFUSED, tls, { certificate: good });
    expect(outcome).toMatchObject({
      ok: false,
      error: 'no record fits',
      tlsUnmet: true,
      tlsProblem: problem,
    });
  });
});

describe('what the server sees', () => {
  /** Keeps what the TLS layer knows of the client. */
  function looking(see: (socket: tls.TLSSocket) => void): Step[] {
    return [
      ...SECURED.slice(0, -1),
      (connection: PeerConnection) => see(connection.socket as tls.TLSSocket),
      '*** eof',
    ];
  }

  it('SNI is the host, or another name that is asked for', async () => {
    const names: unknown[] = [];
    const steps = looking((socket) => names.push((socket as { servername?: unknown }).servername));
    await open(steps, { mode: 'required' });
    await open(steps, { mode: 'required', servername: 'base.test' });
    expect(names).toEqual(['mx.test', 'base.test']);
  });

  it('a client certificate, where a relay asks for one', async () => {
    const client = issueCertificate({ commonName: 'todoke', issuer: ca });
    let shown: string | undefined;
    const steps = looking((socket) => {
      shown = new X509Certificate(socket.getPeerCertificate().raw).subject;
    });
    const certificate = { ...good, requestCert: true, rejectUnauthorized: false };
    await open(steps, { mode: 'verified', ca: ca.cert, clientCertificate: client }, { certificate });
    expect(shown).toBe('CN=todoke');
  });

  it('a client certificate that cannot be read is told, and nothing is sent without it', async () => {
    const steps: Step[] = [...OFFER, 'S: 220 Go', '*** eof'];
    const outcome = await open(steps, { mode: 'required', clientCertificate: { cert: 'x', key: 'y' } });
    expect(outcome).toMatchObject({
      ok: false,
      phase: 'starttls',
      error: expect.stringContaining('certificates of the relay'),
    });
  });
});
