/**
 * Certificates made with node:crypto alone, because the image has no openssl: STARTTLS in the sandbox lets every send go
 * through the same TLS code as live mail does, and tests make the chains they need. X.509 v3 (RFC 5280 §4.1), ECDSA P-256.
 */
import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

const der = (tag: number, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  const { length } = body;
  // X.690 §8.1.3: short form below 128, else the count of length octets first
  const header =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...header]), body]);
};
const sequence = (...parts: Buffer[]): Buffer => der(0x30, ...parts);
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));

const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'));
const COMMON_NAME = oid('550403');
const SUBJECT_ALT_NAME = oid('551d11');
const BASIC_CONSTRAINTS = oid('551d13');
const TRUE = der(0x01, Buffer.from([0xff]));
const DAY = 86_400_000;

function utcTime(at: number): Buffer {
  const digits = new Date(at).toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return der(0x17, Buffer.from(`${digits}Z`));
}

const nameOf = (commonName: string): Buffer =>
  sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from(commonName)))));

export interface IssuedCertificate {
  /** PEM, PKCS#8 */
  key: string;
  /** PEM */
  cert: string;
  commonName: string;
}

export interface CertificateOptions {
  commonName: string;
  /** alternative names: host names and IPv4 addresses */
  hosts?: readonly string[];
  /** it may sign others */
  ca?: boolean;
  /** who signs it; absent: itself */
  issuer?: IssuedCertificate;
  /** epoch ms, default yesterday and ten years from now */
  from?: number;
  to?: number;
}

export function issueCertificate(options: CertificateOptions): IssuedCertificate {
  const { commonName, hosts = [], ca = false, issuer } = options;
  const { from = Date.now() - DAY, to = Date.now() + 3650 * DAY } = options;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const serial = randomBytes(16);
  // positive and without a leading zero octet
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  const extensions: Buffer[] = [];
  if (hosts.length > 0) {
    const names = hosts.map((host) =>
      isIPv4(host) ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host)),
    );
    extensions.push(sequence(SUBJECT_ALT_NAME, der(0x04, sequence(...names))));
  }
  if (ca) extensions.push(sequence(BASIC_CONSTRAINTS, TRUE, der(0x04, sequence(TRUE))));
  const toBeSigned = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    ECDSA_WITH_SHA256,
    nameOf(issuer?.commonName ?? commonName),
    sequence(utcTime(from), utcTime(to)),
    nameOf(commonName),
    publicKey.export({ type: 'spki', format: 'der' }),
    ...(extensions.length > 0 ? [der(0xa3, sequence(...extensions))] : []),
  );
  const signer = issuer === undefined ? privateKey : createPrivateKey(issuer.key);
  const signature = sign('sha256', toBeSigned, { key: signer, dsaEncoding: 'der' });
  const certificate = sequence(toBeSigned, ECDSA_WITH_SHA256, der(0x03, Buffer.from([0]), signature));
  const lines = certificate.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    commonName,
  };
}

/** For the sandbox, which nobody verifies: `host` and 127.0.0.1; made afresh at each start and kept nowhere. */
export function selfSignedCertificate(host: string): { key: string; cert: string } {
  return issueCertificate({ commonName: host, hosts: [host, '127.0.0.1'] });
}
