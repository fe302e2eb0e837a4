import type { MessageState, MessageSummary } from '../../../../server/messages/schemas.ts';
import type { IconName } from '../../lib/icons.ts';

export const STATE_LOOKS: Record<
  MessageState,
  { tone: 'neutral' | 'accent' | 'ok' | 'warn' | 'bad'; icon: IconName }
> = {
  scheduled: { tone: 'accent', icon: 'calendar' },
  queued: { tone: 'accent', icon: 'queue' },
  deferred: { tone: 'warn', icon: 'clock' },
  delivered: { tone: 'ok', icon: 'ok-circle' },
  bounced: { tone: 'bad', icon: 'error' },
  suppressed: { tone: 'neutral', icon: 'ban' },
  cancelled: { tone: 'neutral', icon: 'stop' },
};

const WAITING: readonly MessageState[] = ['scheduled', 'queued', 'deferred'];

/** Something of it may still leave. */
export const isWaiting = ({ recipients }: Pick<MessageSummary, 'recipients'>): boolean =>
  recipients.some(({ state }) => WAITING.includes(state));

/** How many recipients have come how far, what needs a look first. */
export function countStates({
  recipients,
}: Pick<MessageSummary, 'recipients'>): { state: MessageState; count: number }[] {
  const order: MessageState[] = [
    'bounced',
    'deferred',
    'suppressed',
    'queued',
    'scheduled',
    'cancelled',
    'delivered',
  ];
  return order
    .map((state) => ({ state, count: recipients.filter((each) => each.state === state).length }))
    .filter(({ count }) => count > 0);
}
