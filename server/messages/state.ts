/** What became of each recipient, from the message's ledger rows. Pure. */
import type { JobState, LedgerRow } from '../../mta/index.ts';
import type { MessageState } from './schemas.ts';

type Row = Pick<LedgerRow, 'deliveryId' | 'recipient' | 'kind' | 'reason'>;

/** `rows` oldest first. A bounce that came back by mail follows the delivery that it takes back. */
export function recipientStates(
  rows: readonly Row[],
  recipients: readonly string[],
  now: { job: JobState | undefined; sendAt: number | null; at: number },
): MessageState[] {
  const states = new Map<number, { recipient: string; state: MessageState }>();
  for (const { deliveryId, recipient, kind, reason } of rows) {
    const state = stateOf(kind, reason);
    if (state === undefined) continue;
    const known = states.get(deliveryId);
    states.set(deliveryId, { recipient: recipient || known?.recipient || '', state });
  }
  const outcomes = [...states.values()];
  const waiting: MessageState =
    now.job === 'cancelled'
      ? 'cancelled'
      : now.sendAt !== null && now.sendAt > now.at
        ? 'scheduled'
        : 'queued';
  return recipients.map((address) => {
    const at = outcomes.findIndex(({ recipient }) => recipient === address);
    // The same address twice is two deliveries.
    return at < 0 ? waiting : outcomes.splice(at, 1)[0]!.state;
  });
}

function stateOf(kind: LedgerRow['kind'], reason: LedgerRow['reason']): MessageState | undefined {
  switch (kind) {
    case 'delivered':
    case 'deferred':
    case 'bounced':
      return kind;
    case 'suppressed':
      return reason === 'cancelled' ? 'cancelled' : 'suppressed';
    default:
      return undefined;
  }
}
