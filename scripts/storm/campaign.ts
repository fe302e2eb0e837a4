import type { Api } from '../api.ts';
import type { Person } from './people.ts';

export const CONNECTIONS = 20;

/** A route to the sink with short retries, a sending domain, people, and a campaign to them that is not started; answers its id. */
export async function prepareCampaign(
  api: Api,
  port: number,
  people: readonly Pick<Person, 'email'>[],
): Promise<number> {
  await api.patch('/settings', { retry: { first: 1, cap: 1, jitter: 0.2, giveUp: 86_400 } });
  await api.post('/routes', {
    match: '*',
    relay: [{ host: '127.0.0.1', port, tls: 'none', connections: CONNECTIONS }],
  });
  await api.post('/sending-domains', { domain: 'example.jp' });
  const list = await api.post<{ id: number }>('/lists', { name: '嵐' });
  const rows = people.map(({ email }, n) => `${email},名前${n}`);
  const file = new File([['email,name', ...rows].join('\n')], 'people.csv', { type: 'text/csv' });
  const { id } = await api.upload<{ id: number }>('/imports', { listId: String(list.id) }, file);
  const done = await api.poll<{ state: string; created: number }>(
    `/imports/${id}`,
    ({ state }) => state === 'done' || state === 'failed',
  );
  if (done.state !== 'done' || done.created !== people.length)
    throw new Error(`the import is ${done.state} with ${done.created} of ${people.length} people`);
  const campaign = await api.post<{ id: number }>('/campaigns', {
    name: 'お知らせ',
    subject: '{{ name }}様',
    from: { name: '例', address: 'news@example.jp' },
    listIds: [list.id],
    html: '<p>{{ name }}様へ <a href="https://example.jp/">見る</a></p>',
  });
  return campaign.id;
}
