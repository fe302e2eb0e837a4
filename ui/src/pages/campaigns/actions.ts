import { push } from 'svelte-spa-router';
import type { Campaign, CampaignSummary } from '../../../../server/campaigns/schemas.ts';
import { api } from '../../lib/api.ts';
import { date, t } from '../../lib/i18n.svelte.ts';
import { notices } from '../../lib/notices.svelte.ts';

export const STEPS = ['audience', 'content', 'review', 'send'] as const;
export type Step = (typeof STEPS)[number];

/** Where work on a campaign goes on. */
export function nextStep(campaign: CampaignSummary): Step | 'report' {
  switch (campaign.state) {
    case 'draft':
      return campaign.listIds.length === 0 ? 'audience' : 'content';
    case 'finished':
    case 'cancelled':
      return 'report';
    default:
      return 'send';
  }
}

/** A new draft with a name that can be changed at once: no dialog stands in the way of writing. */
export async function createCampaign(): Promise<void> {
  try {
    const { id } = await api.post<Campaign>('/campaigns', {
      name: t('campaigns.untitled', { date: date(Date.now()) }),
    });
    await push(`/campaigns/${id}/audience`);
  } catch (error) {
    notices.problem(error);
  }
}
