/** What a mail that came back says. */
import type { Phase, Reason } from '../../types.ts';
import type { Action } from '../../verdict/action.ts';

export const MAIL_KINDS = [
  'bounce',
  'complaint',
  'auto-reply',
  'delayed',
  'unsubscribe',
  'delivered',
  'other',
] as const;
export type MailKind = (typeof MAIL_KINDS)[number];

/** What is said of one recipient. */
export interface Report {
  /** the address as we gave it where the mail tells, else where it ended; '' when the mail does not name it */
  recipient: string;
  /** where it ended after aliases and forwards, when that is another one; else '' */
  finalRecipient: string;
  /** RFC 3463, '' when nobody gave one */
  status: string;
  /** SMTP reply code, 0 when nobody gave one */
  code: number;
  /** '' when nothing went wrong (delivered) or a person complains */
  reason: Reason | '';
  action: Action;
  /** '' when the mail does not tell */
  phase: Phase | '';
  /** the words that were judged, on one line, at most 500 characters */
  diagnostic: string;
}

/** What came with it of the mail that it is about: finds our mail when the report arrived at an address that tells nothing. */
export interface Original {
  /** without angle brackets, '' when it was not returned */
  messageId: string;
  /** returned header fields, names in lower case, at most 100 */
  fields: readonly Field[];
}

export interface Field {
  name: string;
  value: string;
}

export interface Reading {
  kind: MailKind;
  /** empty for auto-replies, unsubscribes and other mail */
  reports: Report[];
  /** RFC 5965 feedback type ('abuse', 'fraud', …), '' when it is no complaint */
  feedbackType: string;
  original: Original;
  /** Message-IDs that it answers (In-Reply-To, References), without angle brackets */
  answers: string[];
}
