/** What follows from a mail that was read: pure. Everything else is only noted. */
import { addressKey } from './read/addresses.ts';
import type { Reading, Report } from './read/types.ts';
import type { InboundRecipient } from './recipients.ts';

export type EffectKind = 'bounced' | 'complained' | 'unsubscribed';

/** RFC 5965 §7.3, RFC 6591: reports that are no complaint of a reader's */
const NO_COMPLAINT = new Set(['not-spam', 'auth-failure', 'dmarc']);
/** A machine's mail never unsubscribes anybody, whatever address it comes to. */
const MACHINES = new Set<Reading['kind']>(['bounce', 'delayed', 'delivered', 'auto-reply', 'complaint']);

export function effectOf(
  recipients: readonly Pick<InboundRecipient, 'role'>[],
  { kind, feedbackType }: Pick<Reading, 'kind' | 'feedbackType'>,
): EffectKind | undefined {
  // RFC 2369 §3.2: whatever is written to that address is an unsubscribe
  if (recipients.some(({ role }) => role === 'unsubscribe') && !MACHINES.has(kind)) return 'unsubscribed';
  switch (kind) {
    case 'bounce':
      return 'bounced';
    case 'complaint':
      return NO_COMPLAINT.has(feedbackType) ? undefined : 'complained';
    case 'unsubscribe':
      return 'unsubscribed';
    default:
      return undefined;
  }
}

/** The report about this recipient; one mail has gone to one, so if none names them it is the first failure. */
export function reportFor(reports: readonly Report[], recipient: string): Report | undefined {
  const key = addressKey(recipient);
  const failures = reports.filter(({ reason }) => reason !== '');
  return (
    failures.find((report) => [report.recipient, report.finalRecipient].some((a) => addressKey(a) === key)) ??
    failures[0] ??
    reports[0]
  );
}
