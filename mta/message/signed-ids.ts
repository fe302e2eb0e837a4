/**
 * What tokens and envelope senders have in common: the ids of one delivery and their signature.
 *
 * One HMAC-SHA-512 per recipient yields 64 bytes, cut into eight 8-byte tags, one for each purpose. So rendering costs one
 * HMAC a message however many links it has, and a token of one purpose is refused for every other (whoever can open
 * a mail's pixel cannot unsubscribe with it). 64 bits are enough: guesses can only be made one by one against our server.
 */
import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto';

export interface DeliveryIds {
  jobId: number;
  deliveryId: number;
  /** 0: nobody's subscriber */
  subscriberId: number;
  /** 0: no list */
  listId: number;
}

/** Order is part of the format: it says which eighth of the HMAC is whose. */
const PURPOSES = ['open', 'click', 'unsubscribe', 'view', 'bounce', 'mailto', 'message-id'] as const;
export type TagPurpose = (typeof PURPOSES)[number];

export const TAG_BYTES = 8;
/** Four varints of at most 8 bytes (ids are below 2^53). */
const MAX_IDS_BYTES = 32;
/** SHA-512 (FIPS 180-4) */
const HASH_BLOCK = 128;
const HASH_BYTES = 64;

interface DerivedKeys {
  /** HMAC-SHA-512 of at most `MAX_IDS_BYTES` bytes */
  ids(bytes: Buffer): Buffer;
  url: Buffer;
}

/** Ids as bytes and all their tags. */
export interface SignedIds {
  ids: Buffer;
  tags: Buffer;
}

/** 32 random bytes, base64: the one secret that all tokens hang on. */
export function createTokenKey(): string {
  return randomBytes(32).toString('base64');
}

// An installation has one key; the bound only keeps a test with many from growing.
const derived = new Map<string, DerivedKeys>();

/** Keys for separate uses; the label's version changes when a format does, so that old and new never mix. */
export function deriveKeys(keyBase64: string): DerivedKeys {
  let keys = derived.get(keyBase64);
  if (!keys) {
    const master = Buffer.from(keyBase64, 'base64');
    if (master.length !== 32) throw new TypeError('the token key must be 32 bytes in base64');
    const derive = (label: string) => createHmac('sha512', master).update(label).digest();
    keys = { ids: hmacOfIds(derive('todoke ids v1')), url: derive('todoke click url v1') };
    if (derived.size >= 16) derived.clear();
    derived.set(keyBase64, keys);
  }
  return keys;
}

/**
 * RFC 2104 with SHA-512 for one key: both halves of the key's block are laid out once, and two one-shot hashes cost a
 * quarter of what a `createHmac` for each mail does.
 */
function hmacOfIds(key: Buffer): DerivedKeys['ids'] {
  const inner = Buffer.alloc(HASH_BLOCK + MAX_IDS_BYTES, 0x36);
  const outer = Buffer.alloc(HASH_BLOCK + HASH_BYTES, 0x5c);
  for (const [i, byte] of key.entries()) {
    inner[i]! ^= byte;
    outer[i]! ^= byte;
  }
  return (bytes) => {
    inner.set(bytes, HASH_BLOCK);
    outer.set(hash('sha512', inner.subarray(0, HASH_BLOCK + bytes.length), 'buffer'), HASH_BLOCK);
    return hash('sha512', outer, 'buffer');
  };
}

export function signIds(keyBase64: string, ids: DeliveryIds): SignedIds {
  const bytes = encodeIds(ids);
  return { ids: bytes, tags: deriveKeys(keyBase64).ids(bytes) };
}

export function tagOf(signed: SignedIds, purpose: TagPurpose): Buffer {
  const from = PURPOSES.indexOf(purpose) * TAG_BYTES;
  return signed.tags.subarray(from, from + TAG_BYTES);
}

/** Ids followed by the purpose's tag: the bytes of a token. */
export function sealIds(signed: SignedIds, purpose: TagPurpose): Buffer {
  const { ids } = signed;
  const sealed = Buffer.allocUnsafe(ids.length + TAG_BYTES);
  sealed.set(ids);
  sealed.set(tagOf(signed, purpose), ids.length);
  return sealed;
}

/** The ids in bytes that `sealIds` made for this purpose, else null. Never throws. */
export function openSealed(keyBase64: string, purpose: TagPurpose, sealed: Buffer): DeliveryIds | null {
  const bytes = sealed.subarray(0, -TAG_BYTES);
  const ids = decodeIds(bytes);
  if (!ids) return null;
  const tags = deriveKeys(keyBase64).ids(bytes);
  return timingSafeEqual(tagOf({ ids: bytes, tags }, purpose), sealed.subarray(-TAG_BYTES)) ? ids : null;
}

/** Four little-endian base-128 varints. */
export function encodeIds(ids: DeliveryIds): Buffer {
  const out = Buffer.allocUnsafe(MAX_IDS_BYTES);
  let length = 0;
  for (let id of [ids.jobId, ids.deliveryId, ids.subscriberId, ids.listId]) {
    if (!Number.isSafeInteger(id) || id < 0) throw new RangeError(`${id} is not an id`);
    // ids outgrow 32 bits, so division in place of shifts
    for (; id > 0x7f; id = Math.floor(id / 128)) out[length++] = (id % 128) | 0x80;
    out[length++] = id;
  }
  return out.subarray(0, length);
}

export function decodeIds(bytes: Buffer): DeliveryIds | null {
  if (bytes.length > MAX_IDS_BYTES) return null;
  const ids: number[] = [];
  let value = 0;
  let scale = 1;
  for (const byte of bytes) {
    value += (byte & 0x7f) * scale;
    if (value > Number.MAX_SAFE_INTEGER) return null;
    if (byte & 0x80) {
      scale *= 128;
    } else {
      ids.push(value);
      value = 0;
      scale = 1;
    }
  }
  if (ids.length !== 4 || scale !== 1) return null;
  const [jobId, deliveryId, subscriberId, listId] = ids as [number, number, number, number];
  return { jobId, deliveryId, subscriberId, listId };
}
