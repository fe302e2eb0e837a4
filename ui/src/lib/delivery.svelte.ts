/** Sandbox or live, and whether the emergency stop is on: every screen shows it. Moves by live events. */
import type { Queues } from '../../../server/delivery/schemas.ts';
import { api } from './api.ts';
import { live } from './live.svelte.ts';
import { session } from './session.svelte.ts';

let status = $state.raw<Queues | null>(null);

live.on('queues', (data) => {
  status = data;
});

export const delivery = {
  get mode(): 'sandbox' | 'live' {
    return status?.mode ?? session.current?.delivery ?? 'sandbox';
  },
  get stopped(): boolean {
    return status?.stopped ?? false;
  },
  /** the last that is known of the MTA (of lines and sites the biggest only), null before the first report */
  get status() {
    return status;
  },
  async refresh(): Promise<void> {
    if (!session.can('deliveries:read')) return;
    status = await api.get<Queues>('/queues');
  },
  /** Nothing leaves until `resume`; what is queued stays. */
  async stop(): Promise<void> {
    await api.post('/queues/stop', {});
    await delivery.refresh();
  },
  async resume(): Promise<void> {
    await api.post('/queues/resume', {});
    await delivery.refresh();
  },
};
