import type { Delivery } from '../../../../server/delivery/schemas.ts';
import type { IconName } from '../../lib/icons.ts';

export type Kind = Delivery['kind'];
export const KINDS: readonly Kind[] = [
  'delivered',
  'deferred',
  'bounced',
  'suppressed',
  'opened',
  'clicked',
  'unsubscribed',
  'complained',
];

export const LOOKS: Record<Kind, { tone: 'neutral' | 'accent' | 'ok' | 'warn' | 'bad'; icon: IconName }> = {
  delivered: { tone: 'ok', icon: 'ok-circle' },
  deferred: { tone: 'warn', icon: 'clock' },
  bounced: { tone: 'bad', icon: 'error' },
  suppressed: { tone: 'neutral', icon: 'ban' },
  opened: { tone: 'accent', icon: 'eye' },
  clicked: { tone: 'accent', icon: 'click' },
  unsubscribed: { tone: 'neutral', icon: 'logout' },
  complained: { tone: 'bad', icon: 'warn' },
};
