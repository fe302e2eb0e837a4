import { Liquid } from 'liquidjs';
import { expect, test } from 'vitest';
import { blanks } from './blanks.ts';
import { starters } from './starters.ts';

const liquid = new Liquid({ strictFilters: true });
const all = (['ja', 'en'] as const).flatMap((language) =>
  starters(language, 'A & B <株>').map((starter) => ({ language, ...starter })),
);

test.each(all)(
  '$language $id compiles, greets by name with a fallback and carries the legal footer',
  async (starter) => {
    const html = await liquid.parseAndRender(starter.html, {
      unsubscribe_url: 'https://mail.example.jp/u/x',
    });
    expect(html).toContain(starter.language === 'ja' ? 'お客様各位' : 'Dear customer,');
    expect(html).toContain('href="https://mail.example.jp/u/x"');
    expect(html).toContain('A &amp; B &lt;株&gt;');
    expect(blanks(starter.html).length).toBeGreaterThan(3);
    expect(starter.subject).not.toContain('&amp;');
  },
);

test('the places to fill in are found, and ordinary brackets are not mistaken for them', () => {
  expect(blanks('【重要】のお知らせ [sic] 〔会社名〕さま [[Date]]')).toEqual(['〔会社名〕', '[[Date]]']);
});
