/** Amazon SES reports by SNS: JSON in a mail's body, bare or in SNS's envelope. */
import { reportedAddress } from './addresses.ts';
import type { RecipientStatus } from './delivery-status.ts';

export interface SesNotice {
  kind: 'bounce' | 'complaint' | 'delivered';
  feedbackType: string;
  recipients: RecipientStatus[];
  messageId: string;
  destination: string;
}

type Json = Record<string, unknown>;

/** null when the text is no such notification. */
export function readSesNotice(text: string): SesNotice | null {
  const start = text.indexOf('{');
  if (start < 0 || start > 200 || !/"(?:notificationType|eventType|Type)"/.test(text)) return null;
  let notice = parseObject(text.slice(start));
  // Mailing systems wrap long lines in the middle of words, and add words of their own below.
  if (notice && typeof notice.Message === 'string') notice = parseObject(notice.Message);
  if (!notice) return null;
  const type = String(notice.notificationType ?? notice.eventType ?? '');
  const mail = objectOf(notice.mail);
  const list = (body: Json, key: string): Json[] =>
    Array.isArray(body[key]) ? body[key].slice(0, 200).map(objectOf) : [];
  const of = (entry: Json, action: RecipientStatus['action'], status = ''): RecipientStatus => ({
    original: '',
    final: reportedAddress(String(entry.emailAddress ?? '')),
    action,
    status: String(entry.status ?? status),
    diagnostic: String(entry.diagnosticCode ?? ''),
    remoteMta: '',
    category: '',
  });
  const common = {
    feedbackType: '',
    messageId: String(objectOf(mail.commonHeaders).messageId ?? '').replace(/[<>]/g, ''),
    destination: Array.isArray(mail.destination) ? String(mail.destination[0] ?? '') : '',
  };
  if (type === 'Bounce') {
    const body = objectOf(notice.bounce);
    const transient = body.bounceType === 'Transient';
    const status = SES_STATUS[`${body.bounceType}/${body.bounceSubType}`] ?? (transient ? '4.0.0' : '');
    return {
      ...common,
      kind: 'bounce',
      recipients: list(body, 'bouncedRecipients').map((entry) => of(entry, 'failed', status)),
    };
  }
  if (type === 'Complaint') {
    const body = objectOf(notice.complaint);
    const feedbackType = String(body.complaintFeedbackType ?? 'abuse');
    return {
      ...common,
      kind: 'complaint',
      feedbackType,
      recipients: list(body, 'complainedRecipients').map((entry) => of(entry, 'failed')),
    };
  }
  if (type === 'Delivery') {
    const body = objectOf(notice.delivery);
    const recipients = Array.isArray(body.recipients) ? body.recipients.slice(0, 200) : [];
    return {
      ...common,
      kind: 'delivered',
      recipients: recipients.map((emailAddress) => of({ emailAddress }, 'delivered', '2.0.0')),
    };
  }
  return null;
}

/** SES's own classes, where the recipient's entry has no status. */
const SES_STATUS: Readonly<Record<string, string>> = {
  'Permanent/NoEmail': '5.1.1',
  'Permanent/OnAccountSuppressionList': '5.2.0',
  'Permanent/Suppressed': '5.2.0',
  'Transient/MailboxFull': '4.2.2',
  'Transient/MessageTooLarge': '5.3.4',
  'Transient/ContentRejected': '5.6.0',
};

function parseObject(text: string): Json | null {
  for (const candidate of [
    text,
    text.replace(/\n/g, ''),
    text.slice(0, text.lastIndexOf('}') + 1).replace(/\n/g, ''),
  ]) {
    try {
      const value: unknown = JSON.parse(candidate);
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
    } catch {
      // the next way to read it
    }
  }
  return null;
}

function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}
