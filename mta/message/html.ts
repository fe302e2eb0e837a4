/**
 * Rewriting of the author's HTML: tracked links, open pixel, unsubscribe footer. Everything else stays byte for byte.
 * Liquid is masked (each token by as many letters) while parse5 looks for places, so quotes and `<` inside it do no harm.
 */
import { type DefaultTreeAdapterTypes, html as htmlNames, parse, parseFragment } from 'parse5';
import type { ContentLink } from '../types.ts';
import { clickTag, liquidSpans, literalLiquid, openTag, urlTag } from './liquid.ts';

type Node = DefaultTreeAdapterTypes.Node;
type Element = DefaultTreeAdapterTypes.Element;
type Span = ReturnType<typeof liquidSpans>[number];

/** Links that a token can name; what comes after stays as typed. */
const MAX_LINKS = 10_000;
const LINE_BREAKS = /[\t\r\n]/g;

interface Edit {
  begin: number;
  end: number;
  with: string;
}

export interface RewriteOptions {
  clicks: boolean;
  opens: boolean;
}

/** `html` may hold Liquid, which must have been checked before. */
export function rewriteHtml(html: string, options: RewriteOptions): { html: string; links: ContentLink[] } {
  const spans = liquidSpans(html);
  const document = parse(mask(html, spans), { sourceCodeLocationInfo: true });
  const edits: Edit[] = [];
  const links: ContentLink[] = [];
  if (options.clicks) {
    for (const element of elements(document)) {
      if (links.length >= MAX_LINKS) break;
      const found = findUrl(html, spans, element);
      if (!found) continue;
      const index = links.length;
      links.push({ index, url: found.url, text: linkText(html, element) });
      const { begin, end } = found;
      edits.push({ begin, end, with: found.personal ? urlTag(index, found.url) : clickTag(index) });
    }
  }
  if (options.opens) {
    const at = endOfBody(document, html, spans);
    const pixel = `<img src="${openTag}" width="1" height="1" alt="" style="display:block;border:0">`;
    edits.push({ begin: at, end: at, with: pixel });
  }
  return { html: apply(html, edits), links };
}

/** Puts `addition` before `</body>`, or at the end. */
export function appendToBody(html: string, addition: string): string {
  const spans = liquidSpans(html);
  const at = endOfBody(parse(mask(html, spans), { sourceCodeLocationInfo: true }), html, spans);
  return html.slice(0, at) + addition + html.slice(at);
}

/** Letters of the same length in place of Liquid, so that offsets stay true. */
function mask(html: string, spans: Span[]): string {
  let out = '';
  let from = 0;
  for (const { begin, end, kind } of spans) {
    // what `raw` guards is text for Liquid but HTML for the reader
    if (kind === 'raw') continue;
    out += html.slice(from, begin) + 'x'.repeat(end - begin);
    from = end;
  }
  return out + html.slice(from);
}

function* elements(node: Node): Generator<Element> {
  if ('tagName' in node) yield node;
  if ('content' in node) yield* elements(node.content);
  if ('childNodes' in node) for (const child of node.childNodes) yield* elements(child);
}

/** The place of a URL to be tracked: http or https, or Liquid that may turn out to be one. */
function findUrl(
  html: string,
  spans: Span[],
  element: Element,
): { begin: number; end: number; url: string; personal: boolean } | null {
  if (element.tagName !== 'a' && element.tagName !== 'area') return null;
  const attribute = element.attrs.find((attr) => attr.name === 'href');
  const location = element.sourceCodeLocation?.attrs?.href;
  if (!attribute || !location) return null;
  const source = html.slice(location.startOffset, location.endOffset);
  const parts = /^([^=]*=\s*)(["']?)([\s\S]*)\2$/.exec(source);
  if (!parts) return null;
  const begin = location.startOffset + parts[1]!.length + parts[2]!.length;
  const end = begin + parts[3]!.length;
  const inside = spans.filter((span) => span.begin < end && span.end > begin);
  // inside `raw` our own tags would be printed
  if (inside.some((span) => span.kind === 'raw')) return null;
  if (inside.length === 0) {
    const url = tidyUrl(attribute.value);
    return isWebUrl(url) ? { begin, end, url, personal: false } : null;
  }
  if (inside.some((span) => html.slice(span.begin, span.end).includes('unsubscribe_url'))) return null;
  const url = urlTemplate(html, begin, end, inside).trim();
  // `mailto:{{ … }}` stays; what begins with Liquid is decided when it is rendered
  return /^(?:https?:\/\/|\{[{%])/i.test(url) ? { begin, end, url, personal: true } : null;
}

/** The attribute's text with entities decoded outside Liquid. */
function urlTemplate(html: string, begin: number, end: number, spans: Span[]): string {
  const fixed = (text: string) => literalLiquid(decodeEntities(text.replace(LINE_BREAKS, '')));
  let out = '';
  let from = begin;
  for (const span of spans) {
    out += fixed(html.slice(from, span.begin)) + html.slice(span.begin, span.end);
    from = span.end;
  }
  return out + fixed(html.slice(from, end));
}

function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  const element = parseFragment(`<a href="${text.replaceAll('"', '&quot;')}">`).childNodes[0] as Element;
  return element.attrs[0]!.value;
}

/** As browsers read an href: no line breaks and tabs, no blanks around it. */
export function tidyUrl(url: string): string {
  return url.replace(LINE_BREAKS, '').trim();
}

export function isWebUrl(url: string): boolean {
  return /^https?:\/\//i.test(url) && URL.canParse(url);
}

/** What the reader sees of a link, in one line: its text or its image's alternative text. */
function linkText(html: string, element: Element): string {
  const words: string[] = [];
  const visit = (node: Node): void => {
    const location = node.sourceCodeLocation;
    if (node.nodeName === '#text' && location)
      words.push(html.slice(location.startOffset, location.endOffset));
    else if ('tagName' in node && node.tagName === 'img') {
      words.push(node.attrs.find((attr) => attr.name === 'alt')?.value ?? '');
    } else if ('childNodes' in node) for (const child of node.childNodes) visit(child);
  };
  visit(element);
  return decodeEntities(words.join(' ')).replace(/\s+/g, ' ').trim().slice(0, 200);
}

/** Where something can be added that is seen last: before `</body>`, else before `</html>`, else at the end. */
function endOfBody(document: Node, html: string, spans: Span[]): number {
  for (const name of [htmlNames.TAG_NAMES.BODY, htmlNames.TAG_NAMES.HTML]) {
    for (const element of elements(document)) {
      const at = element.tagName === name ? element.sourceCodeLocation?.endTag?.startOffset : undefined;
      if (at !== undefined && !spans.some((span) => span.kind === 'raw' && span.begin <= at && at < span.end))
        return at;
    }
  }
  return html.length;
}

function apply(html: string, edits: Edit[]): string {
  let out = '';
  let from = 0;
  for (const edit of edits.sort((a, b) => a.begin - b.begin)) {
    out += html.slice(from, edit.begin) + edit.with;
    from = edit.end;
  }
  return out + html.slice(from);
}
