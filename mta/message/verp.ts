/**
 * Signed addresses under the return-path domain: `b-…` takes bounces (VERP envelope sender), `u-…` takes unsubscribe
 * mails. A stranger cannot make one, so a forged bounce suppresses nobody. Base32 in lower case, because
 * hosts on the way may change the case of a local part (RFC 5321 §2.4 forbids it; it happens).
 */
import type { DeliveryIds, SignedIds } from './signed-ids.ts';
import { openSealed, sealIds, signIds, TAG_BYTES } from './signed-ids.ts';

export type VerpKind = 'bounce' | 'unsubscribe';

export interface Verp extends DeliveryIds {
  kind: VerpKind;
}

// RFC 4648 §6
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const DIGITS = new Map([...ALPHABET].map((char, value) => [char, value]));
const VERP = /^([bu])-([a-z2-7]+)-([a-z2-7]{13})$/;

/** Envelope sender of one delivery, e.g. `b-aebagaia-…@bounce.example.jp`; `returnPathDomain` as A-label. */
export function verpAddress(keyBase64: string, ids: DeliveryIds, returnPathDomain: string): string {
  return verpOf(signIds(keyBase64, ids), 'bounce', returnPathDomain);
}

/** Where a mail client sends `mailto:` unsubscribes (RFC 2369). */
export function unsubscribeAddress(keyBase64: string, ids: DeliveryIds, returnPathDomain: string): string {
  return verpOf(signIds(keyBase64, ids), 'unsubscribe', returnPathDomain);
}

/** The same from ids that were signed before. */
export function verpOf(signed: SignedIds, kind: VerpKind, returnPathDomain: string): string {
  const sealed = sealIds(signed, kind === 'bounce' ? 'bounce' : 'mailto');
  const ids = base32(sealed.subarray(0, -TAG_BYTES));
  const local = `${kind === 'bounce' ? 'b' : 'u'}-${ids}-${base32(sealed.subarray(-TAG_BYTES))}`;
  // RFC 5321 §4.5.3.1.1. Ids up to 2^42 each always fit.
  if (local.length > 64) throw new RangeError('the ids are too big for an envelope sender');
  return `${local}@${returnPathDomain}`;
}

/** Reads a local part of ours in any case; null for everything else. Never throws. */
export function parseVerp(keyBase64: string, local: string): Verp | null {
  if (local.length > 64) return null;
  const parts = VERP.exec(local.toLowerCase());
  if (!parts) return null;
  const ids = unbase32(parts[2]!);
  const tag = unbase32(parts[3]!);
  if (!ids || !tag) return null;
  const kind = parts[1] === 'b' ? 'bounce' : 'unsubscribe';
  const claims = openSealed(keyBase64, kind === 'bounce' ? 'bounce' : 'mailto', Buffer.concat([ids, tag]));
  return claims && { kind, ...claims };
}

function base32(bytes: Buffer): string {
  let out = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) out += ALPHABET[(value >> (bits - 5)) & 31];
  }
  return bits > 0 ? out + ALPHABET[(value << (5 - bits)) & 31] : out;
}

/** null when the unused bits at the end are not zero: one address must have one spelling. */
function unbase32(text: string): Buffer | null {
  const out: number[] = [];
  let bits = 0;
  let value = 0;
  for (const char of text) {
    value = ((value << 5) | DIGITS.get(char)!) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out.push((value >> bits) & 0xff);
    }
  }
  return bits < 5 && (value & ((1 << bits) - 1)) === 0 ? Buffer.from(out) : null;
}
