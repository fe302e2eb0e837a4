/** The sandbox's mailbox as a reader would see it. */
import { type ParsedMail, simpleParser } from 'mailparser';
import type { SandboxMail } from '../../mta/index.ts';
import { AppError } from '../errors.ts';
import { readCursor } from '../http/paging.ts';
import { cutPage } from './page.ts';
import type { SandboxMessage, SandboxMessageDetail } from './schemas.ts';

/**
 * A mail is foreign HTML: no script, no form, no plug-in, an origin of its own (`sandbox`), and links open outside the
 * frame. Remote images load, as in a reader's mail program: that is how a tester sees an open counted.
 */
export const MAIL_CSP =
  "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data: http: https:; style-src 'unsafe-inline'; " +
  "font-src data:; form-action 'none'; frame-ancestors 'self'";

type Summary = ReturnType<SandboxMail['list']>[number];

/** @throws AppError `invalid-request` for a bad cursor */
export function listMessages(
  mail: SandboxMail,
  {
    q,
    cursor,
    limit = 50,
  }: { q?: string | undefined; cursor?: string | undefined; limit?: number | undefined },
): { items: SandboxMessage[]; nextCursor: string | null } {
  const page = cutPage(mail.list({ q: q?.trim(), beforeId: readCursor(cursor), limit: limit + 1 }), limit);
  return { items: page.items.map(toMessage), nextCursor: page.nextCursor };
}

/** @throws AppError `not-found` */
export async function readMessage(mail: SandboxMail, id: number): Promise<SandboxMessageDetail> {
  const stored = findMessage(mail, id);
  const parsed = await parse(stored.raw);
  return {
    ...toMessage(stored),
    headers: stored.headers,
    text: parsed.text ?? '',
    hasHtml: typeof parsed.html === 'string',
    attachments: parsed.attachments
      // images shown inside the HTML are no attachments to the reader
      .filter(({ related }) => !related)
      .map(({ filename, contentType, size }) => ({ filename: filename ?? '', contentType, size })),
  };
}

/**
 * The HTML part with its `cid:` images as `data:` URLs; a text-only mail has none.
 * @throws AppError `not-found`
 */
export async function messageHtml(mail: SandboxMail, id: number): Promise<string> {
  const { html } = await parse(findMessage(mail, id).raw);
  if (typeof html !== 'string') throw new AppError('not-found', 'The mail has no HTML part');
  return openLinksOutside(html);
}

/**
 * The mail as it came, below the fields that final delivery adds (RFC 5321 §4.4): the envelope is not in the mail itself.
 * @throws AppError `not-found`
 */
export function messageSource(mail: SandboxMail, id: number): Buffer {
  const { mailFrom, rcptTo, raw } = findMessage(mail, id);
  return Buffer.concat([Buffer.from(`Return-Path: <${mailFrom}>\r\nDelivered-To: ${rcptTo}\r\n`), raw]);
}

function findMessage(mail: SandboxMail, id: number): NonNullable<ReturnType<SandboxMail['get']>> {
  const stored = mail.get(id);
  if (!stored) throw new AppError('not-found', `There is no mail ${id} in the sandbox`);
  return stored;
}

function parse(raw: Buffer): Promise<ParsedMail> {
  return simpleParser(raw, { skipTextToHtml: true, skipHtmlToText: true, skipTextLinks: true });
}

/** A link of the mail must not replace it in the frame; `base` goes first in the head, where it counts for all. */
function openLinksOutside(html: string): string {
  const base = '<base target="_blank">';
  const head = /<head(?:\s[^>]*)?>/i.exec(html);
  if (!head) return html.replace(/^(\s*<!doctype[^>]*>)?/i, `$1${base}`);
  const end = head.index + head[0].length;
  return html.slice(0, end) + base + html.slice(end);
}

function toMessage(row: Summary): SandboxMessage {
  return {
    id: row.id,
    at: new Date(row.at).toISOString(),
    from: row.headerFrom || row.mailFrom,
    to: row.rcptTo,
    subject: row.subject,
    size: row.size,
  };
}
