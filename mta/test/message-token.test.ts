import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeliveryIds } from '../message/signed-ids.ts';
import {
  createTokenKey,
  publicPath,
  type TokenPurpose,
  tokensFor,
  verifyClickUrl,
  verifyToken,
} from '../message/token.ts';

const key = createTokenKey();
const id = fc.oneof(fc.nat(300), fc.maxSafeNat());
const idsArbitrary: fc.Arbitrary<DeliveryIds> = fc.record({
  jobId: id,
  deliveryId: id,
  subscriberId: id,
  listId: id,
});
const purposes: TokenPurpose[] = ['open', 'click', 'unsubscribe', 'view'];
const make = (purpose: TokenPurpose, ids: DeliveryIds): string => {
  const tokens = tokensFor(key, ids);
  return purpose === 'click' ? tokens.click(3) : tokens[purpose];
};

describe('tokens', () => {
  it('give back what they were made of, for their purpose only', () => {
    fc.assert(
      fc.property(idsArbitrary, fc.constantFrom(...purposes), (ids, purpose) => {
        const token = make(purpose, ids);
        expect(verifyToken(key, purpose, token)).toEqual({ ...ids, link: purpose === 'click' ? 3 : -1 });
        for (const other of purposes) {
          if (other === purpose) continue;
          expect(verifyToken(key, other, token)).toBeNull();
          expect(verifyToken(key, other, token.replace(/\.3$/, ''))).toBeNull();
          expect(verifyToken(key, other, `${token}.0`)).toBeNull();
        }
      }),
    );
  });

  it('are refused when any character is changed, added or missing', () => {
    fc.assert(
      fc.property(
        idsArbitrary,
        fc.constantFrom(...purposes),
        fc.nat(),
        fc.constantFrom(...'Aa0-_.=+/ '),
        (ids, purpose, at, char) => {
          const token = make(purpose, ids);
          // the index names one of the links that this recipient holds tokens for anyway
          const signed = token.replace(/\.3$/, '');
          const rest = token.slice(signed.length);
          const place = at % signed.length;
          const changed = signed.slice(0, place) + char + signed.slice(place + 1);
          if (changed !== signed) expect(verifyToken(key, purpose, changed + rest)).toBeNull();
          expect(
            verifyToken(key, purpose, signed.slice(0, place) + signed.slice(place + 1) + rest),
          ).toBeNull();
          expect(
            verifyToken(key, purpose, signed.slice(0, place) + char + signed.slice(place) + rest),
          ).toBeNull();
        },
      ),
    );
  });

  it('are refused with another key', () => {
    const token = make('open', { jobId: 1, deliveryId: 2, subscriberId: 3, listId: 4 });
    expect(verifyToken(createTokenKey(), 'open', token)).toBeNull();
  });

  it.each([
    '',
    '.',
    'x',
    '../../etc/passwd',
    'AAAAAAAAAAAAAAAA',
    '\0',
    'あ'.repeat(50),
    'A'.repeat(100_000),
    '%41%41',
    'AAAAAAAAAAAAAAAA.99999',
  ])('never throw on what a stranger sends: %j', (garbage) => {
    for (const purpose of purposes) expect(verifyToken(key, purpose, garbage)).toBeNull();
    expect(verifyClickUrl(key, garbage, garbage)).toBeNull();
  });

  it('are short: 26 characters or fewer for a million recipients', () => {
    expect(
      make('open', { jobId: 500, deliveryId: 1_000_000, subscriberId: 1_000_000, listId: 12 }).length,
    ).toBeLessThanOrEqual(26);
  });

  it('refuse ids that are none, and a key of the wrong size', () => {
    expect(() => tokensFor(key, { jobId: -1, deliveryId: 2, subscriberId: 3, listId: 4 })).toThrow(
      RangeError,
    );
    expect(() => tokensFor('short', { jobId: 1, deliveryId: 2, subscriberId: 3, listId: 4 })).toThrow(
      TypeError,
    );
  });
});

describe('personalised links', () => {
  const url = fc
    .webUrl({ withQueryParameters: true, withFragments: true })
    .map((text) => `${text}?名前=山田`);

  it('carry their destination, signed with ids and index', () => {
    fc.assert(
      fc.property(idsArbitrary, fc.nat(9999), url, (ids, index, destination) => {
        const [token, encoded] = tokensFor(key, ids).clickUrl(index, destination).split('/') as [
          string,
          string,
        ];
        expect(verifyClickUrl(key, token, encoded)).toEqual({ ...ids, link: index, url: destination });
        // no open redirect: another URL, another index, or an ordinary click token do not do
        const other = Buffer.from('https://evil.example/').toString('base64url');
        expect(verifyClickUrl(key, token, other)).toBeNull();
        expect(verifyClickUrl(key, token.replace(/\d+$/, String((index + 1) % 10_000)), encoded)).toBeNull();
        expect(verifyClickUrl(key, tokensFor(key, ids).click(index), encoded)).toBeNull();
        expect(verifyToken(key, 'click', token)).toBeNull();
      }),
    );
  });

  it('have one spelling only', () => {
    const [token, encoded] = tokensFor(key, { jobId: 1, deliveryId: 2, subscriberId: 3, listId: 4 })
      .clickUrl(0, 'https://example.jp/a')
      .split('/') as [string, string];
    expect(verifyClickUrl(key, token, `${encoded}=`)).toBeNull();
    expect(verifyClickUrl(key, token, `${encoded}/x`)).toBeNull();
  });
});

it('paths are route patterns when the token is a parameter', () => {
  expect([
    publicPath.click(':token'),
    publicPath.clickUrl(':token', ':url'),
    publicPath.open(':token'),
    publicPath.unsubscribe(':token'),
  ]).toEqual(['/c/:token', '/c/:token/:url', '/o/:token.gif', '/u/:token']);
});
