/** Header fields that are the same for all recipients of a content, and the checks of what the caller put into them. */
import { createHash } from 'node:crypto';
import type { ContentAttachment, ContentError, ContentSource } from '../types.ts';
import { envelopeAddress, parseAddress } from './address.ts';
import { mailboxField, phraseOf, textField } from './header.ts';

/** Each field with its CRLF. */
export interface FixedFields {
  from: string;
  /** '' when there is none */
  replyTo: string;
  /** List-Id and List-Unsubscribe-Post; '' unless bulk mail */
  list: string;
  /** the caller's own fields and MIME-Version */
  custom: string;
  /** lower-case A-label of the From domain */
  fromDomain: string;
  /** last part of Feedback-ID */
  senderId: string;
}

// Made by us, by the next hop, or meaningless for a mail to one person.
const RESERVED = new Set([
  ...[
    'from',
    'to',
    'cc',
    'bcc',
    'reply-to',
    'subject',
    'date',
    'message-id',
    'return-path',
    'received',
    'mime-version',
  ],
  ...['dkim-signature', 'feedback-id', 'list-id', 'list-unsubscribe', 'list-unsubscribe-post', 'sender'],
]);
const MIME_TYPE = /^[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+$/i;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Checks sender, caller's fields and attachments; answers the fields, or every error. */
export function fixedFields(
  source: ContentSource,
): { ok: true; fields: FixedFields } | { ok: false; errors: ContentError[] } {
  const errors = [
    ...headerErrors(source.headers ?? {}),
    ...(source.attachments ?? []).flatMap(attachmentErrors),
  ];
  const from = checkAddress('from', source.from.address, errors);
  const replyTo = source.replyTo ? checkAddress('replyTo', source.replyTo, errors) : null;
  if (errors.length > 0 || !from) return { ok: false, errors };
  const custom = Object.entries(source.headers ?? {}).map(([name, value]) => `${textField(name, value)}\r\n`);
  return {
    ok: true,
    fields: {
      from: `${mailboxField('From', source.from.name, from.path)}\r\n`,
      replyTo: replyTo ? `Reply-To: ${replyTo.path}\r\n` : '',
      list: source.list ? listFields(source.list, from.domain) : '',
      custom: `${custom.join('')}MIME-Version: 1.0\r\n`,
      fromDomain: from.domain,
      senderId: `tdk${createHash('sha256').update(from.domain).digest('hex').slice(0, 9)}`,
    },
  };
}

/** An error about a field that has no inner places. */
export function fieldError(
  field: ContentError['field'],
  code: ContentError['code'],
  message: string,
  value = '',
): ContentError {
  return { field, code, line: 1, column: 1, message, value };
}

function checkAddress(
  field: 'from' | 'replyTo',
  input: string,
  errors: ContentError[],
): { path: string; domain: string } | null {
  const parsed = parseAddress(input);
  if (!parsed.ok) {
    errors.push(fieldError(field, `address-${parsed.code}`, parsed.message, input));
    return null;
  }
  const { path, utf8 } = envelopeAddress(parsed);
  // Else only hosts with SMTPUTF8 could take any of these mails.
  if (utf8) errors.push(fieldError(field, 'address-not-ascii', 'The part before the @ must be ASCII', input));
  return utf8 ? null : { path, domain: parsed.domain };
}

function headerErrors(headers: Record<string, string>): ContentError[] {
  const errors: ContentError[] = [];
  const wrong = (code: ContentError['code'], name: string, message: string) =>
    errors.push(fieldError('headers', code, message, name));
  for (const [name, value] of Object.entries(headers)) {
    // RFC 5322 §2.2 allows more, but nothing that anybody uses
    if (!/^[A-Za-z][A-Za-z0-9-]{0,75}$/.test(name)) {
      wrong('header-name', name, `${JSON.stringify(name)} is not a header field's name`);
    } else if (RESERVED.has(name.toLowerCase()) || /^content-/i.test(name)) {
      wrong('header-reserved', name, `${name} is written by Todoke and cannot be set`);
    } else if (/[\r\n\0]/.test(value)) {
      wrong('header-line-break', name, `The value of ${name} holds a line break`);
    }
  }
  return errors;
}

function attachmentErrors(attachment: ContentAttachment): ContentError[] {
  const { filename, contentType, content, cid } = attachment;
  const wrong = (code: ContentError['code'], message: string, detail?: string) => {
    const value = detail === undefined ? filename : `${filename} (${detail})`;
    return [fieldError('attachments', code, `${JSON.stringify(filename)}: ${message}`, value)];
  };
  if (filename.trim() === '' || /[\r\n\0]/.test(filename))
    return wrong('attachment-name', 'this is not a file name');
  if (!MIME_TYPE.test(contentType))
    return wrong('attachment-type', `${JSON.stringify(contentType)} is not a MIME type`, contentType);
  if (/^(?:multipart|message)\//i.test(contentType))
    return wrong('attachment-type-refused', `${contentType} cannot be attached`, contentType);
  if (!BASE64.test(content.replace(/\s+/g, '')))
    return wrong('attachment-encoding', 'the content is not base64');
  if (cid !== undefined && !/^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]*$/.test(cid))
    return wrong('attachment-cid', 'the cid holds other characters than an id', cid);
  return [];
}

function listFields(list: { id: string; name: string }, fromDomain: string): string {
  // RFC 2919 §3: a dot-atom that ends in a domain of the sender; the name is for people
  const label = list.id.replace(/[^A-Za-z0-9-]+/g, '-').replace(/^-+|-+$/g, '') || 'list';
  const id = `<${label.toLowerCase()}.${fromDomain}>`;
  const name = list.name.trim();
  const phrase = name === '' ? '' : phraseOf(name, 'List-Id:'.length);
  const sameLine = !phrase.includes('\r\n') && 'List-Id:'.length + phrase.length + id.length < 77;
  const gap = sameLine ? ' ' : '\r\n ';
  // RFC 8058 §3.1
  return `List-Id:${phrase}${gap}${id}\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n`;
}
