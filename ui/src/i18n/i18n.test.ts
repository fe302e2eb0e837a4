import { describe, expect, it } from 'vitest';
import { ERRORS } from '../../../server/errors.ts';
import { fill, flatten, placeholders } from '../lib/message.ts';
import en from './en.json' with { type: 'json' };
import ja from './ja.json' with { type: 'json' };

const texts = { ja: flatten(ja), en: flatten(en) };

describe('dictionary', () => {
  it('has every key in both languages', () => {
    expect([...texts.en.keys()].sort()).toEqual([...texts.ja.keys()].sort());
  });

  it('has no empty text', () => {
    for (const map of Object.values(texts)) {
      expect([...map].filter(([, text]) => text.trim() === '').map(([key]) => key)).toEqual([]);
    }
  });

  it('uses the same placeholders in both languages', () => {
    const differing = [...texts.ja].filter(
      ([key, text]) => placeholders(text).join() !== placeholders(texts.en.get(key) ?? '').join(),
    );
    expect(differing.map(([key]) => key)).toEqual([]);
  });

  it('has no broken placeholder', () => {
    for (const map of Object.values(texts)) {
      const broken = [...map].filter(([, text]) => {
        const params = Object.fromEntries(placeholders(text).map((name) => [name, 1]));
        return /[{}|]/.test(fill(text, params, 'en'));
      });
      expect(broken.map(([key]) => key)).toEqual([]);
    }
  });

  it('has a text for every error code of the server', () => {
    for (const map of Object.values(texts)) {
      expect(Object.keys(ERRORS).filter((code) => !map.has(`error.${code}`))).toEqual([]);
    }
  });
});

describe('fill', () => {
  it.each([
    ['{n} 件', { n: 12345 }, 'ja', '12,345 件'],
    ['{n} {n|row|rows}', { n: 1 }, 'en', '1 row'],
    ['{n} {n|row|rows}', { n: 0 }, 'en', '0 rows'],
    ['Copy {what}', { what: 'a {n} b' }, 'en', 'Copy a {n} b'],
    ['{missing} stays', {}, 'en', '{missing} stays'],
  ] as const)('%s', (message, params, language, expected) => {
    expect(fill(message, params, language)).toBe(expected);
  });
});
