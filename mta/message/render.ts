/**
 * One recipient's message out of compiled content. This runs thousands of times a second beside RSA, so per message there is
 * one HMAC, one copy of the body and no parsing. All of it depends on the row and the content alone: a retry sends the
 * same bytes with the same Message-ID.
 */
import type { DeliveryClass, MergeValues } from '../types.ts';
import { envelopeAddress, parseAddress } from './address.ts';
import type { CompiledContent, VaryingPart } from './compile.ts';
import type { DkimSigner } from './dkim.ts';
import { ByteWriter, endLine, normalizeBreaks } from './encode.ts';
import { offersUnsubscribe, withRenderedFooter } from './footer.ts';
import { dateValue, textField } from './header.ts';
import { isWebUrl, tidyUrl } from './html.ts';
import { escapeHtml, renderProgram, type Scope } from './liquid.ts';
import { type LiquidProblem, problemOf } from './liquid-problem.ts';
import { signIds, tagOf } from './signed-ids.ts';
import { publicPath, type Tokens, tokensOf } from './token.ts';
import { verpOf } from './verp.ts';

/** What all messages of a job share. */
export interface RenderContext {
  jobId: number;
  /** base of tracking links, without trailing slash */
  publicUrl: string;
  /** base64 */
  tokenKey: string;
  domain: { returnPathDomain: string };
  /** middle part of Feedback-ID, default bulk */
  class?: DeliveryClass | undefined;
}

export interface RenderRow {
  deliveryId: number;
  /** 0: nobody's subscriber */
  subscriberId: number;
  /** 0: no list */
  listId: number;
  /** as typed */
  address: string;
  merge: MergeValues;
  /** epoch ms; becomes the Date field */
  createdAt: number;
}

export interface RenderedMessage {
  mailFrom: string;
  rcptTo: string;
  /** the recipient's local part is not ASCII: without SMTPUTF8 the answer is 5.6.7 */
  utf8: boolean;
  /** every field with its CRLF, without the empty line */
  headers: string;
  body: Buffer;
  /** the body is its own relaxed canonical form, so DKIM can hash it as it is */
  canonicalBody: boolean;
  /** no line of headers and body starts with a dot: SMTP has nothing to stuff */
  dotFree: true;
}

/** The content cannot be rendered for this recipient (a Liquid error that only these values cause): settle as bounced, content. */
export class ContentRenderError extends Error {
  readonly field: 'subject' | 'html' | 'text' | 'recipient';
  /** its place is in the author's source */
  readonly problem: LiquidProblem;
  constructor(field: ContentRenderError['field'], problem: LiquidProblem) {
    super(`${field} ${problem.line}:${problem.column}: ${problem.message}`);
    this.name = 'ContentRenderError';
    this.field = field;
    this.problem = problem;
  }
}

const writer = new ByteWriter();

/** Throws ContentRenderError, nothing else. */
export function renderMessage(
  content: CompiledContent,
  context: RenderContext,
  row: RenderRow,
): RenderedMessage {
  const parsed = parseAddress(row.address);
  if (!parsed.ok) {
    const { message } = parsed;
    const code = `address-${parsed.code}` as const;
    throw new ContentRenderError('recipient', { code, line: 1, column: 1, message, value: row.address });
  }
  const recipient = envelopeAddress(parsed);
  const signed = signIds(context.tokenKey, {
    jobId: context.jobId,
    deliveryId: row.deliveryId,
    subscriberId: row.subscriberId,
    listId: row.listId,
  });
  const tokens = tokensOf(context.tokenKey, signed);
  const { fields } = content;
  const unsubscribeUrl = context.publicUrl + publicPath.unsubscribe(tokens.unsubscribe);
  const scope: Scope = {
    merge: row.merge,
    email: row.address,
    unsubscribeUrl,
    tracking: trackingUrls(context.publicUrl, tokens),
  };

  const tag = tagOf(signed, 'message-id').toString('base64url');
  const id = `${context.jobId.toString(36)}.${row.deliveryId.toString(36)}.${tag}@${fields.fromDomain}`;
  let list = '';
  if (content.list) {
    // RFC 2369; RFC 8058 §3.1 wants the https form for one click
    const mailto = verpOf(signed, 'unsubscribe', context.domain.returnPathDomain);
    const campaign = content.feedbackId ?? context.jobId;
    list =
      `List-Unsubscribe: <${unsubscribeUrl}>,\r\n <mailto:${mailto}?subject=unsubscribe>\r\n${fields.list}` +
      `Feedback-ID: ${campaign}:${context.class ?? 'bulk'}:${fields.senderId}\r\n`;
  }
  const subject = renderText('subject', content.subject, content.subject, scope);
  const headers =
    `Date: ${dateValue(row.createdAt)}\r\n${fields.from}To: ${recipient.path}\r\n${fields.replyTo}` +
    `${textField('Subject', subject)}\r\nMessage-ID: <${id}>\r\n${list}${fields.custom}${content.mimeFields}`;

  const body = renderBody(content, scope);
  return {
    mailFrom: verpOf(signed, 'bounce', context.domain.returnPathDomain),
    rcptTo: recipient.path,
    utf8: recipient.utf8,
    headers,
    body,
    canonicalBody: !endsWithEmptyLine(body),
    dotFree: true,
  };
}

/** Signature (when there is a signer), headers, empty line and body, as they follow DATA: no stuffing needed, no final dot. */
export async function buildSigned(
  rendered: RenderedMessage,
  signer: DkimSigner | undefined,
): Promise<Buffer> {
  const { headers, body, canonicalBody } = rendered;
  const signature = signer ? `${await signer.sign(headers, body, canonicalBody)}\r\n` : '';
  const head = `${signature}${headers}\r\n`;
  const length = Buffer.byteLength(head);
  const message = Buffer.allocUnsafe(length + body.length);
  message.write(head, 0, rendered.utf8 ? 'utf8' : 'latin1');
  message.set(body, length);
  return message;
}

function renderBody(content: CompiledContent, scope: Scope): Buffer {
  writer.reset();
  for (const piece of content.pieces) {
    if (typeof piece !== 'string') writer.write(piece);
    else writePart(piece === 'text' ? content.text! : content.html!, content.list, scope);
  }
  return writer.copy();
}

function writePart(part: VaryingPart, list: boolean, scope: Scope): void {
  const { segments } = part.program;
  if (segments) {
    const values = segments.outputs.map((output) => normalizeBreaks(output(scope)));
    part.encoder.writeFilled(writer, values);
    return;
  }
  let text = renderText(part.field, part.program, part.author, scope);
  // a condition may have hidden the author's link: nobody is mailed without a way out
  if (list && !offersUnsubscribe(part.field, text, scope.unsubscribeUrl)) {
    text = withRenderedFooter(part.field, text, scope.unsubscribeUrl);
  }
  part.encoder.writeWhole(writer, endLine(normalizeBreaks(text)));
}

/** `author`: the template as typed, to name the place of an error in it. */
export function renderText(
  field: 'subject' | 'html' | 'text',
  program: VaryingPart['program'],
  author: VaryingPart['program'],
  scope: Scope,
): string {
  try {
    return renderProgram(program, scope);
  } catch (error) {
    let cause = error;
    try {
      renderProgram(author, scope);
    } catch (authorError) {
      cause = authorError;
    }
    throw new ContentRenderError(field, problemOf(cause));
  }
}

function trackingUrls(publicUrl: string, tokens: Tokens): Scope['tracking'] {
  return {
    click: (index) => publicUrl + publicPath.click(tokens.click(index)),
    clickUrl(index, destination) {
      const url = tidyUrl(destination);
      // only what a browser would open is counted: an empty value or mailto: stays what it is
      return isWebUrl(url) ? publicUrl + publicPath.click(tokens.clickUrl(index, url)) : escapeHtml(url);
    },
    open: () => publicUrl + publicPath.open(tokens.open),
  };
}

function endsWithEmptyLine(body: Buffer): boolean {
  const { length } = body;
  return length < 4 ? true : body[length - 3] === 10;
}
