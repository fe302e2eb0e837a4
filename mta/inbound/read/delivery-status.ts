/** RFC 3464: message/delivery-status, as it is and as it is made. */
import { reportedAddress } from './addresses.ts';
import { decodeWords } from './charset.ts';
import { LIMITS } from './limits.ts';

export type StatusAction = 'failed' | 'delayed' | 'delivered';

export interface RecipientStatus {
  /** Original-Recipient, '' when it is not given */
  original: string;
  /** Final-Recipient, else X-Actual-Recipient; '' when no address is given */
  final: string;
  action: StatusAction;
  status: string;
  /** type and text of Diagnostic-Code: `smtp; 550 …` */
  diagnostic: string;
  remoteMta: string;
  /** PowerMTA's own class of the failure, '' elsewhere */
  category: string;
}

export interface DeliveryStatus {
  reportingMta: string;
  recipients: RecipientStatus[];
}

const KNOWN =
  /^[ \t]{0,3}(original-envelope-id|reporting-mta|dsn-gateway|received-from-mta|arrival-date|original-recipient|final-recipient|x-actual-recipient|action|status|remote-mta|diagnostic-code|last-attempt-date|final-log-id|will-retry-until|localized-[a-z-]+|x-[a-z0-9-]{1,40})[ \t]*:[ \t]*(.*)$/i;

/** null when the text has nothing about a recipient. Groups are told by their fields, as the empty lines between them get lost. */
export function readDeliveryStatus(text: string): DeliveryStatus | null {
  const groups: Map<string, string>[] = [new Map()];
  let name = '';
  for (const line of text.slice(0, LIMITS.text).split('\n', LIMITS.lines)) {
    const match = KNOWN.exec(line.slice(0, LIMITS.fieldLength));
    let group = groups.at(-1)!;
    if (match) {
      name = match[1]!.toLowerCase();
      const again = group.has(name) && /^(?:original|final)-recipient$/.test(name);
      if (again) {
        if (groups.length > LIMITS.reports) break;
        group = new Map();
        groups.push(group);
      }
      if (!group.has(name)) group.set(name, match[2]!.trim());
      else name = '';
    } else if (line.trim() === '') {
      name = '';
      if (isAboutRecipient(group)) {
        if (groups.length > LIMITS.reports) break;
        groups.push(new Map());
      }
    } else if (name !== '') {
      // Folded; some forget the white space.
      const before = group.get(name)!;
      if (before.length < LIMITS.diagnostic) group.set(name, `${before} ${line.trim()}`.trim());
    }
  }
  const all = (field: string): string => groups.find((group) => group.has(field))?.get(field) ?? '';
  const recipients = groups.filter(isAboutRecipient).map(recipientOf);
  if (recipients.length === 0) return null;
  return {
    reportingMta: hostOf(all('reporting-mta')),
    recipients,
  };
}

function isAboutRecipient(group: ReadonlyMap<string, string>): boolean {
  return (
    group.has('final-recipient') ||
    group.has('action') ||
    (group.has('original-recipient') && (group.has('status') || group.has('diagnostic-code'))) ||
    (group.has('status') && group.has('diagnostic-code'))
  );
}

function recipientOf(group: ReadonlyMap<string, string>): RecipientStatus {
  const get = (name: string): string => group.get(name) ?? '';
  const status = /[245]\.\d{1,3}\.\d{1,3}/.exec(get('status'))?.[0] ?? '';
  return {
    original: reportedAddress(get('original-recipient')),
    final: reportedAddress(get('final-recipient')) || reportedAddress(get('x-actual-recipient')),
    action: actionOf(get('action'), status),
    status,
    diagnostic: decodeWords(get('diagnostic-code') || get('x-supplementary-info')),
    remoteMta: hostOf(get('remote-mta')),
    category: get('x-powermta-bouncecategory').toLowerCase(),
  };
}

/** RFC 3464 §2.3.3. Without the field the class of the status tells. */
function actionOf(value: string, status: string): StatusAction {
  const word = value.trim().toLowerCase();
  if (/^(?:fail|expired|bounced|undeliver|error|rejected)/.test(word)) return 'failed';
  if (/^(?:delay|deferred|warning)/.test(word)) return 'delayed';
  if (/^(?:deliver|relay|expand|success)/.test(word)) return 'delivered';
  return status.startsWith('2') ? 'delivered' : 'failed';
}

/** `dns; mx.example.jp (192.0.2.1)` → `mx.example.jp` */
function hostOf(value: string): string {
  return /([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+)/.exec(value.slice(value.indexOf(';') + 1))?.[1] ?? '';
}
