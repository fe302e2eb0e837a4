/** Why an address is not mailed: the MTA's reasons, or how it came there. */
import { hasText, label } from '../../lib/i18n.svelte.ts';

export function reasonText(reason: string): string {
  return hasText(`deliveries.reason.${reason}`)
    ? label('deliveries.reason', reason)
    : label('suppressionOrigin', reason);
}
