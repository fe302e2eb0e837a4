/**
 * One recipient's message out of compiled content. This runs thousands of times a second beside RSA, so per message there is
 * one HMAC, one copy of the body and no parsing. All of it depends on the row and the content alone: a retry sends the
 * same bytes with the same Message-ID.
 */
import type { DeliveryClass, MergeValues } from '../types.ts';
import { envelopeAddress, parseAddress } from './address.ts';
import type { CompiledContent, VaryingPart } from './compile.ts';
import { type CanonicalHeaders, type DkimSigner, hashBody } from './dkim.ts';
import { ByteWriter, endLine, normalizeBreaks } from './encode.ts';
import { offersUnsubscribe, withRenderedFooter } from './footer.ts';
import { dateValue, textField } from './header.ts';
import { isWebUrl, tidyUrl } from './html.ts';
import { escapeHtml, renderProgram, type Scope } from './liquid.ts';
import { type LiquidProblem, problemOf } from './liquid-problem.ts';
import { messageIdOf } from './message-id.ts';
import { signIds } from './signed-ids.ts';
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
  /** domains (A-labels) whose old local parts (`a..b`) go out as typed instead of quoted */
  rawLocalParts?: ReadonlySet<string> | undefined;
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
  /** what DKIM signs of them */
  signed: CanonicalHeaders;
  /** a view of the writer's memory, valid until that is used again */
  body: Buffer;
  /** the body is its own relaxed canonical form, so DKIM can hash it as it is */
  canonicalBody: boolean;
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

/** Throws ContentRenderError, nothing else. The body is appended to `writer`. */
export function renderMessage(
  content: CompiledContent,
  context: RenderContext,
  row: RenderRow,
  writer = new ByteWriter(),
): RenderedMessage {
  const parsed = parseAddress(row.address);
  if (!parsed.ok) {
    const { message } = parsed;
    const code = `address-${parsed.code}` as const;
    throw new ContentRenderError('recipient', { code, line: 1, column: 1, message, value: row.address });
  }
  const recipient = envelopeAddress(parsed, context.rawLocalParts?.has(parsed.domain) ? 'raw' : 'quoted');
  const ids = {
    jobId: context.jobId,
    deliveryId: row.deliveryId,
    subscriberId: row.subscriberId,
    listId: row.listId,
  };
  const signed = signIds(context.tokenKey, ids);
  const tokens = tokensOf(context.tokenKey, signed);
  const { fields } = content;
  const unsubscribeUrl = context.publicUrl + publicPath.unsubscribe(tokens.unsubscribe);
  const scope: Scope = {
    merge: row.merge,
    email: row.address,
    unsubscribeUrl,
    tracking: trackingUrls(context.publicUrl, tokens),
  };

  // RFC 2369; RFC 8058 §3.1 wants the https form for one click
  const listUnsubscribe = content.list
    ? `<${unsubscribeUrl}>,\r\n <mailto:${verpOf(signed, 'unsubscribe', context.domain.returnPathDomain)}?subject=unsubscribe>`
    : '';
  const subject = renderText('subject', content.subject, content.subject, scope);
  const values = {
    date: dateValue(row.createdAt),
    to: recipient.path,
    subject: textField('Subject', subject).slice('Subject:'.length),
    messageId: `<${messageIdOf(signed, ids, fields.fromDomain)}>`,
    listUnsubscribe,
    feedbackId: `${content.feedbackId ?? context.jobId}:${context.class ?? 'bulk'}:${fields.senderId}`,
  };
  const start = writer.length;
  renderBody(content, scope, writer);
  const body = writer.bytes.subarray(start, writer.length);
  const { head } = content;
  return {
    mailFrom: verpOf(signed, 'bounce', context.domain.returnPathDomain),
    rcptTo: recipient.path,
    utf8: recipient.utf8,
    headers: head.fields(values),
    signed: { names: head.signedNames, input: head.signedInput(values) },
    body,
    canonicalBody: content.canonical && !endsWithEmptyLine(body),
  };
}

/**
 * Appends the message as it follows DATA: signatures (when there is a signer), headers, empty line and body. No line of
 * it starts with a dot, so nothing needs stuffing.
 */
export function writeSigned(
  out: ByteWriter,
  { headers, signed, body, canonicalBody, utf8 }: RenderedMessage,
  signer: DkimSigner | undefined,
): void {
  const signatures = signer ? signer.sign(signed, hashBody(body, canonicalBody)) : '';
  const head = `${signatures}${headers}\r\n`;
  if (utf8) out.utf8(head);
  else out.latin1(head);
  out.write(body);
}

function renderBody(content: CompiledContent, scope: Scope, writer: ByteWriter): void {
  for (const piece of content.pieces) {
    if (typeof piece !== 'string') writer.write(piece);
    else writePart(piece === 'text' ? content.text! : content.html!, content.list, scope, writer);
  }
}

function writePart(part: VaryingPart, list: boolean, scope: Scope, writer: ByteWriter): void {
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
