/** The text part of a mail whose author wrote HTML only. */
import { convert, type HtmlToTextOptions } from 'html-to-text';
import { checkTemplate, liquidSpans, literalLiquid } from './liquid.ts';

const OPTIONS: HtmlToTextOptions = {
  // the transfer encoding breaks long lines; Japanese has no spaces to wrap at
  wordwrap: false,
  selectors: [
    // RFC 3986 appendix C: angle brackets are what mail programs find a URL's end by
    {
      selector: 'a',
      options: {
        linkBrackets: ['<', '>'],
        hideLinkHrefIfSameAsText: true,
        ignoreHref: false,
        noAnchorUrl: true,
      },
    },
    { selector: 'img', format: 'skip' },
    ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({ selector, options: { uppercase: false } })),
    { selector: 'table', options: { uppercaseHeaderCells: false } },
  ],
};

// Private-use characters: nothing in the conversion changes them, and no author types them.
const OPEN = '\u{f0000}';
const CLOSE = '\u{f0001}';

/**
 * Converts the template, not its output: Liquid stands for itself in the text. Tags whose partner the conversion lost
 * (say, inside a style element) are dropped, so that the result always is a valid template when `html` is one.
 */
export function textFromHtml(html: string): string {
  const spans = liquidSpans(html).filter((span) => span.kind !== 'raw');
  let marked = '';
  let from = 0;
  spans.forEach((span, i) => {
    marked += `${html.slice(from, span.begin)}${OPEN}${i}${CLOSE}`;
    from = span.end;
  });
  marked += html.slice(from);
  const converted = literalLiquid(convert(marked, OPTIONS));
  const restore = (tags: boolean) =>
    converted.replace(new RegExp(`${OPEN}(\\d+)${CLOSE}`, 'gu'), (_, i: string) => {
      const { begin, end, kind } = spans[Number(i)]!;
      const token = html.slice(begin, end);
      // what `raw` guarded is protected by now
      return kind === 'output' || (tags && !/^\{%-?\s*(?:end)?raw\b/.test(token)) ? token : '';
    });
  const text = restore(true).trim();
  return checkTemplate(text, 'plain').problem ? restore(false).trim() : text;
}
