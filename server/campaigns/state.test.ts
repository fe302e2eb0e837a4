import { describe, expect, it } from 'vitest';
import { AppError } from '../errors.ts';
import {
  after,
  assertAllowed,
  CAMPAIGN_ACTIONS,
  CAMPAIGN_STATES,
  type CampaignAction,
  type CampaignState,
} from './state.ts';

const _ = null;
/** Every state × every action, spelled out, so that a change of the machine is a change of this table. */
const TABLE: Record<CampaignState, Record<CampaignAction, string | null>> = {
  // biome-ignore format: a table
  draft:     { edit: 'draft', start: 'sending', schedule: 'scheduled', unschedule: _,       pause: _,        resume: _,         cancel: _,           delete: 'deleted', duplicate: 'draft' },
  // biome-ignore format: a table
  scheduled: { edit: _,       start: 'sending', schedule: 'scheduled', unschedule: 'draft', pause: _,        resume: _,         cancel: _,           delete: _,         duplicate: 'scheduled' },
  // biome-ignore format: a table
  sending:   { edit: _,       start: _,         schedule: _,           unschedule: _,       pause: 'paused', resume: _,         cancel: 'cancelled', delete: _,         duplicate: 'sending' },
  // biome-ignore format: a table
  paused:    { edit: _,       start: _,         schedule: _,           unschedule: _,       pause: _,        resume: 'sending', cancel: 'cancelled', delete: _,         duplicate: 'paused' },
  // biome-ignore format: a table
  finished:  { edit: _,       start: _,         schedule: _,           unschedule: _,       pause: _,        resume: _,         cancel: _,           delete: _,         duplicate: 'finished' },
  // biome-ignore format: a table
  cancelled: { edit: _,       start: _,         schedule: _,           unschedule: _,       pause: _,        resume: _,         cancel: _,           delete: _,         duplicate: 'cancelled' },
};

describe('state machine', () => {
  for (const state of CAMPAIGN_STATES) {
    it(`knows what ${state} allows`, () => {
      const actual = Object.fromEntries(CAMPAIGN_ACTIONS.map((action) => [action, after(state, action)]));
      expect(actual).toEqual(TABLE[state]);
    });
  }

  it('names state and action when it refuses', () => {
    expect(() => assertAllowed('sending', 'pause')).not.toThrow();
    try {
      assertAllowed('finished', 'resume');
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(AppError);
      expect(error).toMatchObject({
        code: 'wrong-state',
        message: 'A campaign in state finished does not allow: resume',
        errors: [{ pointer: '/state', value: { state: 'finished', action: 'resume' } }],
      });
    }
  });
});
