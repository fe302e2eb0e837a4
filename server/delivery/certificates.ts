/** Certificates that relays are shown or trusted by: what is in them, and whether a private key belongs to one. */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { invalid } from '../errors.ts';
import type { CertificateInfo } from './schemas.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * All certificates of a PEM text, in its order. Text around them (openssl writes some) does not matter.
 * @throws AppError `value-invalid` at the pointer when there is none or one cannot be read
 */
export function readCertificates(pem: string, pointer: string): X509Certificate[] {
  const blocks = pem.match(CERTIFICATE) ?? [];
  if (blocks.length === 0)
    throw invalid(
      pointer,
      'certificate',
      'must hold a certificate in PEM form (-----BEGIN CERTIFICATE-----)',
    );
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw invalid(
        pointer,
        'certificate',
        `holds a certificate that cannot be read (number ${index + 1}: ${(error as Error).message})`,
      );
    }
  });
}

/**
 * The key in PEM form. Its value is in no message.
 * @throws AppError `value-invalid` at the pointer when it cannot be read, is encrypted or belongs to another certificate
 */
export function checkPrivateKey(pem: string, certificate: X509Certificate, pointer: string): string {
  let key: ReturnType<typeof createPrivateKey>;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    const encrypted =
      pem.includes('ENCRYPTED') || (error as NodeJS.ErrnoException).code === 'ERR_MISSING_PASSPHRASE';
    throw invalid(
      pointer,
      'private-key',
      encrypted
        ? 'is protected by a passphrase: give it without (openssl pkey -in key.pem)'
        : 'is not a private key in PEM form (-----BEGIN PRIVATE KEY-----)',
    );
  }
  if (!certificate.checkPrivateKey(key))
    throw invalid(pointer, 'key-mismatch', 'does not belong to the certificate');
  return pem;
}

export function describeCertificate(certificate: X509Certificate): CertificateInfo {
  // Node writes one attribute a line.
  const oneLine = (name: string) => name.split('\n').join(', ');
  return {
    subject: oneLine(certificate.subject ?? ''),
    issuer: oneLine(certificate.issuer ?? ''),
    validFrom: new Date(certificate.validFrom).toISOString(),
    validTo: new Date(certificate.validTo).toISOString(),
    fingerprint: certificate.fingerprint256,
  };
}
