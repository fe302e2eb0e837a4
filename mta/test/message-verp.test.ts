import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTokenKey, tokensFor, verifyToken } from '../message/token.ts';
import { parseVerp, unsubscribeAddress, verpAddress } from '../message/verp.ts';

const key = createTokenKey();
const id = fc.oneof(fc.nat(300), fc.nat(), fc.integer({ min: 0, max: 2 ** 42 - 1 }));
const idsArbitrary = fc.record({ jobId: id, deliveryId: id, subscriberId: id, listId: id });
const local = (address: string) => address.slice(0, address.indexOf('@'));

describe('signed envelope senders', () => {
  it('come back in any case, are short enough, and tell bounces from unsubscribes', () => {
    fc.assert(
      fc.property(idsArbitrary, (ids) => {
        const bounce = verpAddress(key, ids, 'bounce.example.jp');
        const unsubscribe = unsubscribeAddress(key, ids, 'bounce.example.jp');
        expect(bounce).toMatch(/^b-[a-z2-7]+-[a-z2-7]{13}@bounce\.example\.jp$/);
        for (const text of [local(bounce), local(bounce).toUpperCase()]) {
          expect(parseVerp(key, text)).toEqual({ kind: 'bounce', ...ids });
        }
        expect(parseVerp(key, local(unsubscribe))).toEqual({ kind: 'unsubscribe', ...ids });
        expect(local(bounce).length).toBeLessThanOrEqual(64);
        // one kind cannot be made out of the other
        expect(parseVerp(key, local(bounce).replace(/^b/, 'u'))).toBeNull();
        expect(parseVerp(key, local(unsubscribe).replace(/^u/, 'b'))).toBeNull();
      }),
    );
  });

  it('are refused when one character is changed or the key is another', () => {
    fc.assert(
      fc.property(idsArbitrary, fc.nat(), fc.constantFrom(...'abc237-x.'), (ids, at, char) => {
        const text = local(verpAddress(key, ids, 'example.jp'));
        const place = at % text.length;
        const changed = text.slice(0, place) + char + text.slice(place + 1);
        if (changed !== text) expect(parseVerp(key, changed)).toBeNull();
        expect(parseVerp(createTokenKey(), text)).toBeNull();
      }),
    );
  });

  it.each([
    '',
    'b-',
    'b--',
    'postmaster',
    'b-aa-aaaaaaaaaaaaa',
    'u-18-aaaaaaaaaaaaa',
    `b-${'a'.repeat(500)}-aaaaaaaaaaaaa`,
  ])('%j is none', (text) => {
    expect(parseVerp(key, text)).toBeNull();
  });

  it('cannot be turned into a link token', () => {
    const ids = { jobId: 1, deliveryId: 2, subscriberId: 3, listId: 4 };
    const tag = local(verpAddress(key, ids, 'example.jp')).split('-')[2];
    const token = tokensFor(key, ids).open;
    // same ids, same HMAC, but another eighth of it
    expect(verifyToken(key, 'unsubscribe', token)).toBeNull();
    expect(tag).toHaveLength(13);
  });
});
