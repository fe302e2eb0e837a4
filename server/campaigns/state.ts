/**
 * What may be done with a campaign in which state, and what becomes of it. The one place that says so: everything asks it
 * before it acts.
 *
 *   draft ⇄ scheduled → sending ⇄ paused → finished | cancelled
 *
 * `finished` is not an action: the fold sets it when every mail is settled (fold.ts). `cancelled` is shown at once, but
 * all is settled only when `finishedAt` is set.
 */
import { AppError } from '../errors.ts';

export const CAMPAIGN_STATES = ['draft', 'scheduled', 'sending', 'paused', 'finished', 'cancelled'] as const;
export type CampaignState = (typeof CAMPAIGN_STATES)[number];
export const CAMPAIGN_ACTIONS = [
  'edit',
  'start',
  'schedule',
  'unschedule',
  'pause',
  'resume',
  'cancel',
  'delete',
  'duplicate',
] as const;
export type CampaignAction = (typeof CAMPAIGN_ACTIONS)[number];

/**
 * Action → state afterwards; what is absent is not allowed. What was sent cannot be deleted: readers' links and
 * unsubscribe links hang on it, and so does the proof of what was sent to whom.
 */
const TRANSITIONS: Record<CampaignState, Partial<Record<CampaignAction, CampaignState | 'deleted'>>> = {
  draft: { edit: 'draft', start: 'sending', schedule: 'scheduled', delete: 'deleted', duplicate: 'draft' },
  scheduled: { start: 'sending', schedule: 'scheduled', unschedule: 'draft', duplicate: 'scheduled' },
  sending: { pause: 'paused', cancel: 'cancelled', duplicate: 'sending' },
  paused: { resume: 'sending', cancel: 'cancelled', duplicate: 'paused' },
  finished: { duplicate: 'finished' },
  cancelled: { duplicate: 'cancelled' },
};

/** The state after the action, or null when it is not allowed. */
export function after(state: CampaignState, action: CampaignAction): CampaignState | 'deleted' | null {
  return TRANSITIONS[state][action] ?? null;
}

/** @throws AppError `wrong-state` naming the state and the action */
export function assertAllowed(state: CampaignState, action: CampaignAction): void {
  if (after(state, action) === null) {
    throw new AppError('wrong-state', `A campaign in state ${state} does not allow: ${action}`, [
      {
        pointer: '/state',
        code: 'wrong-state',
        message: `${action} is not allowed in state ${state}`,
        value: { state, action },
      },
    ]);
  }
}
