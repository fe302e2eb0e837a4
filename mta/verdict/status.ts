import type { Phase, Reason } from '../types.ts';

/** RFC 3463 and its registry: subject.detail → why, when no rule knows better. The class (4 or 5) is the reply's. */
const BY_STATUS: Readonly<Record<string, Reason>> = {
  '1.1': 'unknown-user',
  '1.2': 'unknown-host',
  '1.3': 'syntax',
  '1.6': 'moved',
  '1.7': 'policy',
  '1.8': 'policy',
  // RFC 7505 says null MX, but whoever answers has no null MX: Exchange says it for a recipient it does not find.
  '1.10': 'unknown-user',
  // Japanese carriers say 5.2.0 for what their users filter.
  '2.0': 'filtered',
  '2.1': 'suspended',
  '2.2': 'mailbox-full',
  '2.3': 'too-big',
  '3.0': 'system',
  '3.1': 'system-full',
  '3.2': 'system',
  '3.3': 'system',
  '3.4': 'too-big',
  '3.5': 'system',
  '4.0': 'network',
  '4.1': 'network',
  '4.2': 'network',
  '4.3': 'network',
  '4.4': 'unknown-host',
  '4.5': 'too-fast',
  '4.6': 'loop',
  '4.7': 'expired',
  '5.3': 'too-many-connections',
  '7.8': 'authentication',
  '7.9': 'authentication',
  '7.20': 'authentication',
  '7.21': 'authentication',
  '7.22': 'authentication',
  '7.23': 'authentication',
  '7.24': 'authentication',
  '7.25': 'ptr',
  '7.26': 'authentication',
  '7.27': 'policy',
  '7.28': 'too-fast',
  '7.29': 'authentication',
};

const BY_SUBJECT: Readonly<Record<string, Reason>> = {
  '3': 'system',
  '4': 'network',
  '5': 'syntax',
  '6': 'content',
  '7': 'policy',
};

/** RFC 5321 §4.2.3, for replies without an enhanced status. 550, 553 and 554 are used for everything and say nothing. */
const BY_CODE: Readonly<Record<number, Reason>> = {
  421: 'system',
  451: 'system',
  452: 'system-full',
  500: 'syntax',
  501: 'syntax',
  502: 'syntax',
  503: 'syntax',
  504: 'syntax',
  530: 'authentication',
  535: 'authentication',
  551: 'moved',
  555: 'syntax',
  556: 'null-mx',
};

/** '5.7.26' → authentication; '' → by the code alone. */
export function reasonOfStatus(code: number, status: string, phase: Phase): Reason {
  const [, subject = '', detail = ''] = status.split('.');
  const known = BY_STATUS[`${subject}.${detail}`] ?? BY_SUBJECT[subject];
  if (known !== undefined) return known;
  // "Exceeded storage allocation" is the mailbox's while the recipient is named, the message's afterwards.
  if (code === 552 && status === '') return phase === 'rcpt' ? 'mailbox-full' : 'too-big';
  return BY_CODE[code] ?? 'other';
}
