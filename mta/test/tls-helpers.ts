/** STARTTLS for the scripted mail servers of the small internet, and a CA that the MTA process trusts. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type IssuedCertificate, issueCertificate } from '../sandbox/certificate.ts';
import type { PeerConnection, Step } from './peer.ts';

export const OFFER: Step[] = [
  'S: 220 mx.test ESMTP',
  'C: EHLO me.test',
  'S: 250-mx.test',
  'S: 250 STARTTLS',
  'C= STARTTLS',
];
/** As far as HELLO, but encrypted. */
export const SECURE_HELLO: Step[] = [
  ...OFFER,
  'S: 220 Go',
  '*** starttls',
  'C: EHLO me.test',
  'S: 250-mx.test',
  'S: 250 ENHANCEDSTATUSCODES',
];
/** The client goes when it has seen the certificate, and says nothing more. */
export const TURNED_AWAY: Step[] = [
  ...OFFER,
  'S: 220 Go',
  (connection: PeerConnection) => connection.play(['*** starttls', '*** eof']).catch(() => {}),
];

/**
 * A CA that MTA processes started from now on trust beside the built-in ones, as an administrator would make them: by Node's
 * NODE_EXTRA_CA_CERTS. Call `forget` when no more are started.
 */
export function trustedCa(): { ca: IssuedCertificate; forget(): void } {
  const ca = issueCertificate({ commonName: 'Test root', ca: true });
  const folder = mkdtempSync(join(tmpdir(), 'todoke-ca-'));
  const file = join(folder, 'ca.pem');
  writeFileSync(file, ca.cert);
  process.env.NODE_EXTRA_CA_CERTS = file;
  return {
    ca,
    forget() {
      delete process.env.NODE_EXTRA_CA_CERTS;
      rmSync(folder, { recursive: true });
    },
  };
}

/** Nothing is tried again within a test. */
export const ONE_TRY = { first: 3600, cap: 3600, jitter: 0, giveUp: 86_400 };
