/** DKIM keys and the record that publishes them. */
import { createPublicKey, generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';

/** RSA of 2048 bits is what everybody verifies; Ed25519 (RFC 8463) only as a second signature beside it. */
export const DKIM_ALGORITHMS = ['rsa-2048', 'ed25519'] as const;
export type DkimAlgorithm = (typeof DKIM_ALGORITHMS)[number];

export interface DkimKey {
  /** PEM, PKCS#8 */
  privateKey: string;
  /** base64, as it stands in the DNS record: DER (SPKI) of an RSA key, the bare 32 bytes of an Ed25519 key (RFC 8463 §4) */
  publicKey: string;
}

const generate = promisify(generateKeyPair);
const PRIVATE = { type: 'pkcs8', format: 'pem' } as const;
const PUBLIC = { type: 'spki', format: 'der' } as const;

/** RSA takes about a tenth of a second of the thread pool; the caller's thread stays free. */
export async function generateDkimKey(algorithm: DkimAlgorithm = 'rsa-2048'): Promise<DkimKey> {
  if (algorithm === 'rsa-2048') {
    const { privateKey, publicKey } = await generate('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: PUBLIC,
      privateKeyEncoding: PRIVATE,
    });
    return { privateKey, publicKey: publicKey.toString('base64') };
  }
  const { privateKey, publicKey } = await generate('ed25519', {
    publicKeyEncoding: PUBLIC,
    privateKeyEncoding: PRIVATE,
  });
  const { x } = createPublicKey({ key: publicKey, ...PUBLIC }).export({ format: 'jwk' });
  return { privateKey, publicKey: Buffer.from(x!, 'base64url').toString('base64') };
}

/** The value of the TXT record at `SELECTOR._domainkey.DOMAIN` (RFC 6376 §3.6.1, RFC 8463 §4). */
export function dkimRecordValue(publicKey: string, algorithm: DkimAlgorithm = 'rsa-2048'): string {
  return `v=DKIM1; k=${algorithm === 'rsa-2048' ? 'rsa' : 'ed25519'}; p=${publicKey}`;
}
