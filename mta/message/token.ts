/**
 * Signed compact tokens of tracking links. They verify without a look-up and carry everything that the event needs.
 *
 * - open, unsubscribe, view: `BASE64URL(ids, tag)`
 * - click: `BASE64URL(ids, tag).INDEX`: the destination is looked up in the job's own link table, so there is nothing to
 *   redirect to but what the sender wrote. The tag does not cover the index: each recipient holds a valid token for
 *   every link of the mail anyway.
 * - click on a personalised link: `BASE64URL(ids, mac).INDEX/BASE64URL(url)`: here the URL is in the link, so it has a MAC
 *   of its own that covers URL and index, and nobody can make us redirect elsewhere.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { DeliveryIds, SignedIds } from './signed-ids.ts';
import { decodeIds, deriveKeys, openSealed, sealIds, signIds } from './signed-ids.ts';

export { createTokenKey } from './signed-ids.ts';

export type TokenPurpose = 'open' | 'click' | 'unsubscribe' | 'view';

export interface TokenClaims extends DeliveryIds {
  /** index of the link in the job's link table; -1 unless the token is a click's */
  link: number;
}

export interface Tokens {
  open: string;
  unsubscribe: string;
  view: string;
  click(index: number): string;
  /** personalised link: what follows `/c/` */
  clickUrl(index: number, url: string): string;
}

/** Paths on the public port, spelled here and nowhere else. With `':token'` they are route patterns. */
export const publicPath = {
  click: (token: string): string => `/c/${token}`,
  clickUrl: (token: string, encodedUrl: string): string => `/c/${token}/${encodedUrl}`,
  open: (token: string): string => `/o/${token}.gif`,
  unsubscribe: (token: string): string => `/u/${token}`,
};

/** 128 bits, because this MAC alone stands between us and an open redirect. */
const URL_MAC_BYTES = 16;
const MAX_LINK = 9999;
const BASE64URL = /^[A-Za-z0-9_-]{12,64}$/;
const CLICK = /^([A-Za-z0-9_-]{12,64})\.(0|[1-9][0-9]{0,3})$/;

/** All tokens of one recipient for the price of one HMAC (plus one for each personalised link). */
export function tokensFor(keyBase64: string, ids: DeliveryIds): Tokens {
  return tokensOf(keyBase64, signIds(keyBase64, ids));
}

/** The same from ids that were signed before. */
export function tokensOf(keyBase64: string, signed: SignedIds): Tokens {
  let click = '';
  return {
    get open() {
      return sealIds(signed, 'open').toString('base64url');
    },
    get unsubscribe() {
      return sealIds(signed, 'unsubscribe').toString('base64url');
    },
    get view() {
      return sealIds(signed, 'view').toString('base64url');
    },
    click(index) {
      click ||= sealIds(signed, 'click').toString('base64url');
      return `${click}.${checkIndex(index)}`;
    },
    clickUrl(index, url) {
      const mac = urlMac(keyBase64, signed.ids, checkIndex(index), url);
      const token = Buffer.concat([signed.ids, mac]).toString('base64url');
      return `${token}.${index}/${Buffer.from(url).toString('base64url')}`;
    },
  };
}

/** The claims of a token made for this purpose with this key, else null. Never throws on what a stranger sends. */
export function verifyToken(keyBase64: string, purpose: TokenPurpose, token: string): TokenClaims | null {
  let encoded = token;
  let link = -1;
  if (purpose === 'click') {
    const parts = CLICK.exec(token);
    if (!parts) return null;
    encoded = parts[1]!;
    link = Number(parts[2]);
  }
  const sealed = decodeStrictly(encoded);
  const ids = sealed && openSealed(keyBase64, purpose, sealed);
  return ids && { ...ids, link };
}

/** The personalised form: `token` and `encodedUrl` are the two path segments after `/c/`. */
export function verifyClickUrl(
  keyBase64: string,
  token: string,
  encodedUrl: string,
): (TokenClaims & { url: string }) | null {
  const parts = CLICK.exec(token);
  const sealed = parts && decodeStrictly(parts[1]!);
  if (!sealed || sealed.length <= URL_MAC_BYTES || !/^[A-Za-z0-9_-]+$/.test(encodedUrl)) return null;
  const bytes = sealed.subarray(0, -URL_MAC_BYTES);
  const ids = decodeIds(bytes);
  if (!ids) return null;
  const link = Number(parts[2]);
  const url = Buffer.from(encodedUrl, 'base64url').toString();
  const mac = urlMac(keyBase64, bytes, link, url);
  return timingSafeEqual(mac, sealed.subarray(-URL_MAC_BYTES)) ? { ...ids, link, url } : null;
}

// The ids are self-delimiting and the index ends at the space, so no two inputs give the same bytes.
function urlMac(keyBase64: string, ids: Buffer, link: number, url: string): Buffer {
  const mac = createHmac('sha256', deriveKeys(keyBase64).url).update(ids).update(`${link} ${url}`).digest();
  return mac.subarray(0, URL_MAC_BYTES);
}

/** Node's decoder skips what it does not know; one token must have one spelling. */
function decodeStrictly(encoded: string): Buffer | null {
  if (!BASE64URL.test(encoded)) return null;
  const bytes = Buffer.from(encoded, 'base64url');
  return bytes.toString('base64url') === encoded ? bytes : null;
}

function checkIndex(index: number): number {
  if (!Number.isInteger(index) || index < 0 || index > MAX_LINK)
    throw new RangeError(`${index} is not a link's index`);
  return index;
}
