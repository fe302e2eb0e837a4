/** Sessions are resumed with the server and the demands that they were made with, and with no others. */
import tls from 'node:tls';
import { afterEach, expect, it } from 'vitest';
import { issueCertificate } from '../sandbox/certificate.ts';
import { openSession } from '../smtp/session.ts';
import type { SessionTls } from '../smtp/types.ts';
import { type Peer, type PeerCertificate, type PeerConnection, type Step, startPeer } from './peer.ts';
import { GREETING, options } from './smtp-helpers.ts';

const root = issueCertificate({ commonName: 'Root', ca: true });
const certificate = issueCertificate({ commonName: 'mx.test', hosts: ['mx.test'], issuer: root });
let peer: Peer;
afterEach(() => peer.stop());

/** Whether each of the sessions that are opened one after the other was resumed. A server of its own each time. */
async function resumed(wanted: SessionTls[], more: Partial<PeerCertificate> = {}): Promise<boolean[]> {
  const seen: boolean[] = [];
  const dialogue = [
    ...GREETING,
    'S: 250-mx.test',
    'S: 250 STARTTLS',
    'C= STARTTLS',
    'S: 220 Go',
    '*** starttls',
    'C: EHLO me.test',
    (connection: PeerConnection) => seen.push((connection.socket as tls.TLSSocket).isSessionReused()),
    'S: 250 mx.test',
    '*** eof',
  ];
  // Tickets can only be read by the server that made them.
  const ticketKeys = Buffer.alloc(48, 7);
  peer = await startPeer(
    wanted.map(() => dialogue),
    { certificate: { ...certificate, ...more, ticketKeys } },
  );
  for (const tls of wanted) {
    const outcome = await openSession(options(peer.port, { tls }));
    if (!outcome.ok) throw new Error(JSON.stringify(outcome));
    outcome.session.destroy();
  }
  await peer.done;
  return seen;
}

const verified: SessionTls = { mode: 'verified', ca: root.cert };
const pass = () => undefined;

it('the second session is the first one resumed', async () => {
  expect(await resumed([{ mode: 'required' }, { mode: 'required' }])).toEqual([false, true]);
});

it('also with TLS 1.2', async () => {
  const context = tls.createSecureContext({ ...certificate, maxVersion: 'TLSv1.2' });
  expect(await resumed([verified, verified], { secureContext: context })).toEqual([false, true]);
});

it('a verified session is checked once and resumed', async () => {
  expect(await resumed([verified, verified, verified])).toEqual([false, true, true]);
});

it.each<[string, SessionTls, SessionTls]>([
  ['one that nobody has checked does not serve for one that must be', { mode: 'required' }, verified],
  [
    'one that met other records does not serve for DANE',
    { mode: 'verified', verify: pass, verifyKey: '3 1 1 aa' },
    { mode: 'verified', verify: pass, verifyKey: '3 1 1 bb' },
  ],
  ['one by other trusted certificates', { ...verified, ca: root.cert + certificate.cert }, verified],
])('%s', async (_, first, second) => {
  expect(await resumed([first, second])).toEqual([false, false]);
});

it('a server that breaks off instead of declining is asked once more, from the start', async () => {
  const hello: Step[] = [...GREETING, 'S: 250-mx.test', 'S: 250 STARTTLS', 'C= STARTTLS', 'S: 220 Go'];
  const reused: boolean[] = [];
  const look = (connection: PeerConnection) =>
    reused.push((connection.socket as tls.TLSSocket).isSessionReused());
  const secured: Step[] = [...hello, '*** starttls', 'C: EHLO me.test', look, 'S: 250 mx.test', '*** eof'];
  const breaking: Step[] = [...hello, (connection: PeerConnection) => connection.anything(), '*** drop'];
  peer = await startPeer([secured, breaking, secured, breaking, breaking], {
    certificate: { ...certificate, ticketKeys: Buffer.alloc(48, 8) },
  });
  const open = async () => {
    const outcome = await openSession(options(peer.port, { tls: { mode: 'required' } }));
    if (outcome.ok) outcome.session.destroy();
    return outcome;
  };
  expect(await open()).toMatchObject({ ok: true });
  expect(await open()).toMatchObject({ ok: true, tlsProblem: undefined });
  expect(reused).toEqual([false, false]);
  // Not without end.
  expect(await open()).toMatchObject({ ok: false, tlsProblem: { result: 'validation-failure' } });
  await peer.done;
});
