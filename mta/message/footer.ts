/** The way out of bulk mail for content whose author gave none. */
import { appendToBody } from './html.ts';
import { liquidSpans } from './liquid.ts';

const WORDS = '配信停止 / Unsubscribe';
const VARIABLE = '{{ unsubscribe_url }}';

/** The reader can see the link: in HTML it does not only stand in comments. */
export function offersUnsubscribe(field: 'text' | 'html', rendered: string, unsubscribeUrl: string): boolean {
  for (let at = rendered.indexOf(unsubscribeUrl); at >= 0; at = rendered.indexOf(unsubscribeUrl, at + 1)) {
    const comment = field === 'html' ? rendered.lastIndexOf('<!--', at) : -1;
    const end = comment < 0 ? -1 : rendered.indexOf('-->', comment);
    if (comment < 0 || (end >= 0 && end < at)) return true;
  }
  return false;
}

/** A template with the link at its end. */
export function withFooter(field: 'text' | 'html', template: string): string {
  if (field === 'text') return template.trimEnd() + textFooter(VARIABLE);
  return appendToBody(template, htmlFooter(VARIABLE), liquidSpans(template));
}

/** The same for what was rendered already: braces in it are just text. */
export function withRenderedFooter(field: 'text' | 'html', rendered: string, unsubscribeUrl: string): string {
  if (field === 'text') return rendered.trimEnd() + textFooter(unsubscribeUrl);
  return appendToBody(rendered, htmlFooter(unsubscribeUrl), []);
}

function htmlFooter(url: string): string {
  const style =
    'margin:24px 0 0;padding:12px 0;border-top:1px solid #ccc;font-size:12px;color:#666;text-align:center';
  return `<div style="${style}"><a href="${url}" style="color:#666">${WORDS}</a></div>`;
}

function textFooter(url: string): string {
  return `\r\n\r\n----\r\n${WORDS}:\r\n${url}\r\n`;
}
