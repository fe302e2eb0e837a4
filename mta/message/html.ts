/**
 * Rewriting of the author's HTML: tracked links, open pixel, unsubscribe footer. Everything else stays byte for byte.
 * Liquid is masked (each token by as many letters) while parse5 looks for places, so quotes and `<` inside it do no harm.
 */
import {
  type DefaultTreeAdapterTypes,
  defaultTreeAdapter,
  html as htmlNames,
  parse,
  parseFragment,
} from 'parse5';
import type { ContentLink } from '../types.ts';
import { clickTag, liquidSpans, literalLiquid, openTag, urlTag } from './liquid.ts';

type Node = DefaultTreeAdapterTypes.Node;
type Element = DefaultTreeAdapterTypes.Element;
type Span = ReturnType<typeof liquidSpans>[number];

/** parse5 looks through all open elements at each tag: 100,000 of them take ten seconds. Browsers stop at 512. */
const MAX_DEPTH = 1000;
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
  const masked = mask(html, spans);
  const document = parse(masked, parserOptions());
  const edits: Edit[] = [];
  const links: ContentLink[] = [];
  const visit = (root: Node, offset: number): void => {
    for (const node of descendants(root)) {
      if (isComment(node)) {
        const inside = conditional(masked, node, offset);
        if (inside) visit(inside.root, inside.offset);
      } else if (isElement(node) && links.length < MAX_LINKS) {
        const found = findUrl(html, spans, node, offset);
        if (!found) continue;
        const index = links.length;
        links.push({ index, url: found.url, text: linkText(html, node, offset) });
        const { begin, end } = found;
        edits.push({ begin, end, with: found.personal ? urlTag(index, found.url) : clickTag(index) });
      }
    }
  };
  if (options.clicks) visit(document, 0);
  if (options.opens) {
    const at = endOfBody(document, spans) ?? html.length;
    const pixel = `<img src="${openTag}" width="1" height="1" alt="" style="display:block;border:0">`;
    edits.push({ begin: at, end: at, with: pixel });
  }
  return { html: apply(html, edits), links };
}

/** Puts `addition` before `</body>`, or at the end. `spans`: the Liquid in `html`, none when it is rendered. */
export function appendToBody(html: string, addition: string, spans: Span[]): string {
  const document = parse(mask(html, spans), parserOptions());
  const at = endOfBody(document, spans) ?? html.length;
  return html.slice(0, at) + addition + html.slice(at);
}

/** Throws a RangeError for elements nested deeper than MAX_DEPTH. */
function parserOptions() {
  let depth = 0;
  return {
    sourceCodeLocationInfo: true,
    treeAdapter: {
      ...defaultTreeAdapter,
      onItemPush: () => {
        depth += 1;
        if (depth > MAX_DEPTH) throw new RangeError('nested too deeply');
      },
      onItemPop: () => {
        depth -= 1;
      },
    },
  };
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

/** All nodes below `root` in document order; without recursion, for HTML may be nested as deep as it likes. */
function descendants(root: Node): Node[] {
  const found: Node[] = [];
  const ahead: Node[] = [root];
  for (let node = ahead.pop(); node; node = ahead.pop()) {
    found.push(node);
    if ('childNodes' in node)
      for (let i = node.childNodes.length - 1; i >= 0; i--) ahead.push(node.childNodes[i]!);
    if ('content' in node) ahead.push(node.content);
  }
  return found;
}

function isElement(node: Node): node is Element {
  return 'tagName' in node;
}

function isComment(node: Node): node is DefaultTreeAdapterTypes.CommentNode {
  return node.nodeName === '#comment';
}

/** What Outlook alone reads, `<!--[if mso]>…<![endif]-->`: its buttons are VML shapes with links of their own. */
function conditional(
  masked: string,
  comment: DefaultTreeAdapterTypes.CommentNode,
  offset: number,
): { root: Node; offset: number } | null {
  const location = comment.sourceCodeLocation;
  if (!location) return null;
  const source = masked.slice(offset + location.startOffset, offset + location.endOffset);
  const opening = /^<!--\[if [^\]]*\]>/.exec(source)?.[0];
  if (!opening) return null;
  const root = parseFragment(source.slice(opening.length), parserOptions());
  return { root, offset: offset + location.startOffset + opening.length };
}

/** The place of a URL to be tracked: http or https, or Liquid that may turn out to be one. */
function findUrl(
  html: string,
  spans: Span[],
  element: Element,
  offset: number,
): { begin: number; end: number; url: string; personal: boolean } | null {
  if (!/^(?:a|area|v:.+)$/.test(element.tagName)) return null;
  const location = element.sourceCodeLocation?.attrs?.href;
  if (!location) return null;
  const source = html.slice(offset + location.startOffset, offset + location.endOffset);
  const parts = /^([^=]*=\s*)(["']?)([\s\S]*)\2$/.exec(source);
  if (!parts) return null;
  const begin = offset + location.startOffset + parts[1]!.length + parts[2]!.length;
  const end = begin + parts[3]!.length;
  const inside = spans.filter((span) => span.begin < end && span.end > begin);
  // inside `raw` our own tags would be printed
  if (inside.some((span) => span.kind === 'raw')) return null;
  if (inside.length === 0) {
    const url = tidyUrl(attribute(element, 'href'));
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
function linkText(html: string, element: Element, offset: number): string {
  const words = descendants(element).map((node) => {
    const location = node.sourceCodeLocation;
    if (node.nodeName === '#text' && location) {
      return html.slice(offset + location.startOffset, offset + location.endOffset);
    }
    return isElement(node) && node.tagName === 'img' ? attribute(node, 'alt') : '';
  });
  return decodeEntities(words.join(' ')).replace(/\s+/g, ' ').trim().slice(0, 200);
}

function attribute(element: Element, name: string): string {
  return element.attrs.find((attr) => attr.name === name)?.value ?? '';
}

/** Where something can be added that is seen last: before `</body>`, else before `</html>`. */
function endOfBody(document: Node, spans: Span[]): number | undefined {
  const nodes = descendants(document);
  for (const name of [htmlNames.TAG_NAMES.BODY, htmlNames.TAG_NAMES.HTML]) {
    const node = nodes.find((candidate) => isElement(candidate) && candidate.tagName === name);
    const at = node && isElement(node) ? node.sourceCodeLocation?.endTag?.startOffset : undefined;
    const raw = spans.some(
      (span) => span.kind === 'raw' && at !== undefined && span.begin <= at && at < span.end,
    );
    if (at !== undefined && !raw) return at;
  }
  return undefined;
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
