import { expect, it } from 'vitest';
import { pageLanguage } from './language.ts';

const TABLE: [string | undefined, 'ja' | 'en'][] = [
  [undefined, 'ja'],
  ['', 'ja'],
  ['*', 'ja'],
  ['ja', 'ja'],
  ['ja-JP,ja;q=0.9,en;q=0.8', 'ja'],
  ['en-US,en;q=0.9', 'en'],
  ['en-US,en;q=0.9,ja;q=0.8', 'en'],
  ['en;q=0.5, ja;q=0.7', 'ja'],
  ['fr-FR,fr;q=0.9,en;q=0.3', 'en'],
  ['en;q=0, fr', 'ja'],
  ['zh-CN', 'ja'],
  ['EN-gb ; q = 0.4', 'en'],
  [';;;,,q=1', 'ja'],
];

for (const [header, language] of TABLE) {
  it(`answers ${language} to ${header}`, () => expect(pageLanguage(header)).toBe(language));
}
