/** What STARTTLS shows: the administrator's certificate, else one that is made at the first start and kept. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { issueCertificate } from '../sandbox/certificate.ts';

/** Paths of PEM files: the certificate with its chain, and its key. */
export interface CertificateFiles {
  cert: string;
  key: string;
}

export interface Certificate {
  key: string;
  cert: string;
}

/**
 * Sending servers do not verify it unless a policy says so (MTA-STS, DANE), so a self-signed one keeps listeners out as well.
 * @param name common name of one that has to be made
 */
export function ownCertificate(dataDir: string, name: string): Certificate {
  const files = { cert: join(dataDir, 'smtp.crt'), key: join(dataDir, 'smtp.key') };
  try {
    return readCertificate(files);
  } catch {
    const { cert, key } = issueCertificate({ commonName: name, hosts: [name] });
    writeFileSync(files.key, key, { mode: 0o600 });
    writeFileSync(files.cert, cert, { mode: 0o600 });
    return { cert, key };
  }
}

/** @throws Error when they cannot be read or do not belong together */
export function readCertificate({ cert, key }: CertificateFiles): Certificate {
  const certificate = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  createSecureContext(certificate);
  return certificate;
}

/** Changes when the files do: a renewed certificate is taken without a restart. */
export function certificateStamp({ cert, key }: CertificateFiles): string {
  try {
    return [cert, key].map((file) => statSync(file).mtimeMs).join(' ');
  } catch {
    return '';
  }
}
