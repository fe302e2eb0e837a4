import { createPublicKey, sign, verify } from 'node:crypto';
import { expect, it } from 'vitest';
import { dkimRecordValue, generateDkimKey } from '../message/dkim-keys.ts';

it('makes RSA-2048 keys whose record fits the private key', async () => {
  const key = await generateDkimKey();
  const published = createPublicKey({
    key: Buffer.from(key.publicKey, 'base64'),
    format: 'der',
    type: 'spki',
  });
  expect(createPublicKey(key.privateKey).equals(published)).toBe(true);
  expect(published.asymmetricKeyDetails?.modulusLength).toBe(2048);
  expect(dkimRecordValue(key.publicKey)).toMatch(/^v=DKIM1; k=rsa; p=[A-Za-z0-9+/]{390,}={0,2}$/);
  expect(key.privateKey).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
});

it('makes Ed25519 keys whose record holds the bare 32 bytes (RFC 8463 §4)', async () => {
  const key = await generateDkimKey('ed25519');
  expect(dkimRecordValue(key.publicKey, 'ed25519')).toMatch(/^v=DKIM1; k=ed25519; p=[A-Za-z0-9+/]{43}=$/);
  // The DER of an Ed25519 key is a fixed prefix before those bytes (RFC 8410 §4).
  const der = Buffer.concat([
    Buffer.from('302a300506032b6570032100', 'hex'),
    Buffer.from(key.publicKey, 'base64'),
  ]);
  const published = createPublicKey({ key: der, format: 'der', type: 'spki' });
  const data = Buffer.from('signed');
  expect(verify(null, data, published, sign(null, data, key.privateKey))).toBe(true);
});
