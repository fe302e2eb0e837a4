/**
 * Puts mails of the corpus together. Every mail is composed here from the RFCs and from what is publicly known of a
 * server's format; none was received by anybody.
 */
import type { MailKind } from '../../inbound/read/types.ts';
import type { Phase, Reason } from '../../types.ts';
import type { Action } from '../../verdict/action.ts';

export interface Expected {
  recipient?: string;
  reason?: Reason | '';
  action?: Action;
  phase?: Phase | '';
  code?: number;
  status?: string;
}

export interface Case {
  name: string;
  raw: string;
  kind: MailKind;
  reports: Expected[];
}

/** The sender, as it appears in all mails. */
export const US = 'news@sender.example';
export const TAMA = 'tama@kotatsu.example';

interface Parts {
  from?: string;
  to?: string;
  subject?: string;
  /** more header lines */
  fields?: string[];
  body: string;
}

export function mail({
  from = 'MAILER-DAEMON@mx.kotatsu.example',
  to = US,
  subject = 'Returned mail',
  fields = [],
  body,
}: Parts): string {
  const head = [
    `From: ${from}`,
    `To: ${to}`,
    `Subject: ${subject}`,
    'Date: Wed, 25 Nov 2026 10:00:00 +0900',
    ...fields,
  ];
  return `${head.join('\n')}\n\n${body}`;
}

/** The head of a returned mail. */
export function returned(to: string = TAMA, more: string[] = []): string {
  return [
    `Return-Path: <${US}>`,
    'Received: from out.sender.example (out.sender.example [192.0.2.10]) by mx.kotatsu.example; Wed, 25 Nov 2026 09:59:58 +0900',
    `From: Sender <${US}>`,
    `To: ${to}`,
    'Subject: Spring news',
    'Message-ID: <42.abc@sender.example>',
    'Date: Wed, 25 Nov 2026 09:59:57 +0900',
    ...more,
    '',
    'The newsletter.',
  ].join('\n');
}

export function part(type: string, body: string, fields: string[] = []): string {
  return [`Content-Type: ${type}`, ...fields, '', body].join('\n');
}

export function multipart(parts: string[], boundary = 'b_1/kotatsu'): string {
  return `${parts.map((each) => `--${boundary}\n${each}\n`).join('')}--${boundary}--\n`;
}

interface Dsn extends Omit<Parts, 'body'> {
  human?: string;
  perMessage?: string[];
  /** one list of fields a recipient */
  recipients: string[][];
  original?: string;
}

/** RFC 3464 in its three parts. */
export function dsn({
  human = 'Your mail could not be delivered.',
  perMessage = ['Reporting-MTA: dns; mx.kotatsu.example'],
  recipients,
  original = returned(),
  fields = [],
  ...rest
}: Dsn): string {
  const status = [perMessage.join('\n'), ...recipients.map((lines) => lines.join('\n'))].join('\n\n');
  return mail({
    from: 'Mail Delivery System <MAILER-DAEMON@mx.kotatsu.example>',
    subject: 'Undelivered Mail Returned to Sender',
    ...rest,
    fields: [
      'MIME-Version: 1.0',
      'Content-Type: multipart/report; report-type=delivery-status; boundary="b_1/kotatsu"',
      ...fields,
    ],
    body: multipart([
      part('text/plain; charset=us-ascii', `${human}\n`),
      part('message/delivery-status', `${status}\n`),
      part('message/rfc822', original),
    ]),
  });
}

export function bounce(name: string, raw: string, ...reports: Expected[]): Case {
  return { name, raw, kind: 'bounce', reports };
}
