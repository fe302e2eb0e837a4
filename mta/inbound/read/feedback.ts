/** Complaints: RFC 5965 feedback reports, and those of providers that only attach the mail. */
import { findAddresses, reportedAddress } from './addresses.ts';
import { bytesOf, type Entity, fieldOf, isMail, ownParts } from './entity.ts';
import { addressees, headFields } from './original.ts';
import type { Field } from './types.ts';

export interface Feedback {
  /** in lower case: 'abuse', 'fraud', 'auth-failure', … */
  type: string;
  recipients: string[];
}

/** null when it is no complaint. `original`: the head of the mail that it encloses, `subject` as people see it */
export function readFeedback(root: Entity, original: readonly Field[], subject: string): Feedback | null {
  const part = [...ownParts(root)].find(({ type }) => type === 'message/feedback-report');
  if (part) {
    const fields = headFields(bytesOf(part).replace(/^\n+/, ''));
    const named = fields
      .filter(({ name }) => name === 'original-rcpt-to' || name === 'removal-recipient')
      .map(({ value }) => reportedAddress(value))
      .filter((address) => address !== '');
    return {
      type: (fieldOf(fields, 'feedback-type') || 'abuse').toLowerCase().slice(0, 40),
      recipients: named.length > 0 ? [...new Set(named)] : addressees(original).slice(0, 1),
    };
  }
  return readBareComplaint(root, original, subject);
}

const COMPLAINT_SUBJECT =
  /^complaint about message from|^e-?mail feedback report for ip|^(?:fw: ?)?(?:junk|spam|abuse) (?:e-?mail |mail )?(?:report|complaint)/i;

/** Outlook.com's Junk Mail Reporting Program attaches the mail with X-HmXmrOriginalRecipient and says nothing else. */
function readBareComplaint(root: Entity, original: readonly Field[], subject: string): Feedback | null {
  const enclosed = [...ownParts(root)].some(({ type }) => isMail(type));
  const recipient = fieldOf(original, 'x-hmxmroriginalrecipient');
  const isComplaint = recipient !== '' || (enclosed && COMPLAINT_SUBJECT.test(subject.trim()));
  if (!isComplaint) return null;
  const address = findAddresses(recipient)[0]?.address;
  return { type: 'abuse', recipients: address ? [address] : addressees(original).slice(0, 1) };
}
