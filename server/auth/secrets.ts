/** Random secrets and their fingerprints. 256 random bits cannot be guessed, so one SHA-256 is enough to store them by. */
import { createHash, randomBytes } from 'node:crypto';

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** ⌈256 / log2(62)⌉ */
const KEY_CHARS = 43;

export const API_KEY_PREFIX = 'tdk_';

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** 256 bits, base64url */
export function randomToken(): string {
  return randomBytes(32).toString('base64url');
}

/** `tdk_` and 256 bits in base62: one word for a double click, and a prefix that secret scanners can find. */
export function randomApiKey(): string {
  let number = BigInt(`0x${randomBytes(32).toString('hex')}`);
  let text = '';
  for (let i = 0; i < KEY_CHARS; i++) {
    text = BASE62[Number(number % 62n)] + text;
    number /= 62n;
  }
  return API_KEY_PREFIX + text;
}

/** A password for the first login, without characters that are mistaken for one another: 20 of 31, 99 bits. */
export function randomPassword(): string {
  const alphabet = 'abcdefghijkmnpqrstuvwxyz2345678';
  let password = '';
  while (password.replaceAll('-', '').length < 20) {
    const byte = randomBytes(1)[0]!;
    // 248 = 8 × 31: bytes above would make the first letters likelier
    if (byte >= 248) continue;
    if (password.length % 6 === 5) password += '-';
    password += alphabet[byte % 31];
  }
  return password;
}
