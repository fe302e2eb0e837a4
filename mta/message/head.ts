/**
 * The header section of a content's mails: which fields in which order, and the canonical form that DKIM signs. Only six
 * of them differ by recipient; all the rest is put in order and canonicalised once, when the content is compiled.
 */
import { canonicalizeHeaders, relaxedValue } from './dkim.ts';
import type { FixedFields } from './fields.ts';

/** What differs by recipient; all without name and CRLF. */
export interface VaryingFields {
  date: string;
  to: string;
  /** encoded and folded, with its leading space */
  subject: string;
  messageId: string;
  /** '' unless bulk mail */
  listUnsubscribe: string;
  feedbackId: string;
}

export interface HeadPlan {
  fields(values: VaryingFields): string;
  /** names for h=, folded */
  signedNames: string;
  /** relaxed form of the signed fields */
  signedInput(values: VaryingFields): string;
}

const NAMES = ['date', 'to', 'subject', 'messageId', 'listUnsubscribe', 'feedbackId'] as const;

/** `mimeFields`: Content-Type and what belongs to it, with CRLF. */
export function planHead(fixed: FixedFields, mimeFields: string, list: boolean): HeadPlan {
  const fields = (values: VaryingFields): string =>
    `Date: ${values.date}\r\n${fixed.from}To: ${values.to}\r\n${fixed.replyTo}Subject:${values.subject}\r\n` +
    `Message-ID: ${values.messageId}\r\n` +
    (list
      ? `List-Unsubscribe: ${values.listUnsubscribe}\r\n${fixed.list}Feedback-ID: ${values.feedbackId}\r\n`
      : '') +
    `${fixed.custom}${mimeFields}`;
  return planFields(fields);
}

/** The plan of whatever `fields` writes. */
export function planFields(fields: HeadPlan['fields']): HeadPlan {
  // A sample with marks in place of the values says what is signed, in which order. No value holds a NUL.
  const marks = Object.fromEntries(NAMES.map((name, i) => [name, `\0${i}\0`])) as Record<
    (typeof NAMES)[number],
    string
  >;
  const { names, input } = canonicalizeHeaders(fields(marks));
  const parts = input.split('\0').map((part, i) => (i % 2 === 0 ? part : NAMES[Number(part)]!));
  return {
    fields,
    signedNames: names,
    signedInput(values) {
      let out = parts[0]!;
      for (let i = 1; i < parts.length; i += 2) {
        out += relaxedValue(values[parts[i] as keyof VaryingFields]) + parts[i + 1]!;
      }
      return out;
    },
  };
}
