/** To whom a failure is reported, as the envelope of a delivery status notification (RFC 3464). Its content is not made here. */
import { parseAddress } from './address.ts';
import { parseVerp } from './verp.ts';

export interface NotificationEnvelope {
  /** the null reverse-path: nobody answers a notification with another one (RFC 5321 §4.5.5) */
  mailFrom: '';
  rcptTo: string;
}

/**
 * Whom to tell that a mail of this sender failed; null: nobody. No bounce of a bounce (RFC 5321 §6.1), and none to
 * a return path of our own, where it would come back to us as news that the ledger has already.
 * @param reversePath the failed mail's MAIL FROM without angle brackets, '' for the null reverse-path
 */
export function notificationEnvelope(reversePath: string, tokenKey: string): NotificationEnvelope | null {
  const parsed = parseAddress(reversePath);
  if (!parsed.ok || parseVerp(tokenKey, parsed.local) !== null) return null;
  return { mailFrom: '', rcptTo: parsed.address };
}
