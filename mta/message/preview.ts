/** A content as one person would see it, for the UI: links as typed, no tokens, no pixel. */
import type { MergeValues } from '../types.ts';
import type { CompiledContent, VaryingPart } from './compile.ts';
import { offersUnsubscribe, withRenderedFooter } from './footer.ts';
import { oneLine } from './header.ts';
import type { Scope } from './liquid.ts';
import { renderMessage, renderText } from './render.ts';

export interface Preview {
  subject: string;
  /** '' when the content has no such part */
  html: string;
  text: string;
  /** bytes of the whole message on the wire, without DKIM signature */
  size: number;
}

export interface PreviewOptions {
  /** the person's address */
  email?: string | undefined;
  /** where `{{ unsubscribe_url }}` leads, default `#` */
  unsubscribeUrl?: string | undefined;
}

/** Throws ContentRenderError when these values make the template fail. */
export function renderPreview(
  content: CompiledContent,
  merge: MergeValues,
  options: PreviewOptions = {},
): Preview {
  const scope: Scope = {
    merge,
    email: options.email ?? 'preview@example.com',
    unsubscribeUrl: options.unsubscribeUrl ?? '#',
    // the author's own programs have no tracking
    tracking: { click: () => '', clickUrl: () => '', open: () => '' },
  };
  const show = (part: VaryingPart | null): string => {
    if (!part) return '';
    const text = renderText(part.field, part.author, part.author, scope);
    if (!content.list || offersUnsubscribe(part.field, text, scope.unsubscribeUrl)) return text;
    return withRenderedFooter(part.field, text, scope.unsubscribeUrl);
  };
  const subject = oneLine(renderText('subject', content.subject, content.subject, scope)).trim();
  return { subject, html: show(content.html), text: show(content.text), size: sizeOf(content, merge) };
}

/** Rendered with an example's ids and keys: those differ by a few bytes at most. */
function sizeOf(content: CompiledContent, merge: MergeValues): number {
  const { headers, body } = renderMessage(
    content,
    {
      jobId: 1000,
      publicUrl: 'https://mail.example.com',
      tokenKey: Buffer.alloc(32).toString('base64'),
      domain: { returnPathDomain: `bounce.${content.fields.fromDomain}` },
    },
    {
      deliveryId: 1_000_000,
      subscriberId: 100_000,
      listId: 1,
      address: 'preview@example.com',
      merge,
      createdAt: 0,
    },
  );
  return Buffer.byteLength(headers) + 2 + body.length;
}
