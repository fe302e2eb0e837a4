/** A campaign in the real appliance, from nothing to ready: sending domain, route, people, content. */
import type { Api } from '../../../scripts/api.ts';
import type { RelayHost } from '../../types.ts';

const DOMAINS = Array.from({ length: 20 }, (_, i) => `d${i}.example.jp`);
const LINKS = ['rice', 'chestnut', 'oyster', 'members'].map(
  (page) => `https://www.example.jp/${page}?utm_source=mail`,
);
const SENTENCE = '今年の夏は日照に恵まれ、粒のそろった甘みのある米に育ちました。';

/** Answers the campaign's id and the bytes of a mail on the wire, without DKIM signature. */
export async function prepareCampaign(
  api: Api,
  options: { relay: RelayHost; count: number; targetBytes: number },
): Promise<{ id: number; bytes: number }> {
  await api.post('/sending-domains', { domain: 'bench.example.jp' });
  await api.post('/routes', { match: '*', relay: [options.relay] });
  await api.post('/attributes', { key: 'company', label: '会社名', type: 'text' });
  const list = await api.post<{ id: number }>('/lists', { name: 'bench' });
  await importRecipients(api, list.id, options.count);
  return writeCampaign(api, list.id, options.targetBytes);
}

export async function startCampaign(api: Api, id: number): Promise<void> {
  await api.post(`/campaigns/${id}/start`, {
    overrides: [{ code: 'public-url-local', reason: 'bench on loopback' }],
  });
}

async function importRecipients(api: Api, listId: number, count: number): Promise<void> {
  const rows = Array.from(
    { length: count },
    (_, i) => `r${i}@${DOMAINS[i % DOMAINS.length]},佐藤 ${i},${i}商事株式会社`,
  );
  const file = new File([`email,name,company\n${rows.join('\n')}\n`], 'bench.csv', { type: 'text/csv' });
  const mapping = JSON.stringify(['email', 'name', 'company']);
  const { id } = await api.upload<{ id: number }>('/imports', { listId: String(listId), mapping }, file);
  const done = await api.poll<{ state: string; created: number }>(
    `/imports/${id}`,
    ({ state }) => !['queued', 'running'].includes(state),
  );
  if (done.created !== count)
    throw new Error(`The import is ${done.state} with ${done.created} of ${count} people`);
}

/** The filler is set by what the preview measures, so that the mail on the wire has the size that was asked for. */
async function writeCampaign(
  api: Api,
  listId: number,
  targetBytes: number,
): Promise<{ id: number; bytes: number }> {
  const content = (sentences: number) => ({
    subject: '{{ name }} 様へ新米のご案内',
    html: html(sentences),
    text: text(),
  });
  const { id } = await api.post<{ id: number }>('/campaigns', {
    name: 'bench',
    from: { name: 'みのり市場', address: 'news@bench.example.jp' },
    listIds: [listId],
    ...content(0),
  });
  const size = async (sentences: number) =>
    (await api.post<{ size: number }>(`/campaigns/${id}/preview`, content(sentences))).size;
  const empty = await size(0);
  const each = ((await size(100)) - empty) / 100;
  const sentences = Math.max(0, Math.round((targetBytes - empty) / each));
  await api.patch(`/campaigns/${id}`, content(sentences));
  return { id, bytes: await size(sentences) };
}

function html(sentences: number): string {
  const links = LINKS.map((url) => `<p><a href="${url}">くわしく見る</a></p>`).join('\n');
  const filler = Array.from({ length: sentences }, () => `<p>${SENTENCE}</p>`).join('\n');
  return `<html><body><p>{{ company }}<br>{{ name }} 様</p>\n${links}\n${filler}\n<p><a href="{{ unsubscribe_url }}">配信停止</a></p></body></html>`;
}

function text(): string {
  return `{{ company }}\n{{ name }} 様\n\n新米のご案内です。\n\n配信停止: {{ unsubscribe_url }}\n`;
}
