/** Single messages by API against the whole appliance: a receipt is read, one is stopped, one bounces and its address is refused from then on. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Api } from '../../scripts/api.ts';
import { type Appliance, startAppliance } from '../../scripts/appliance.ts';

const LOGIN = { email: 'it@example.co.jp', password: 'a long enough password' };

let dataDir: string;
let appliance: Appliance;
let api: Api;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'todoke-e2e-'));
  appliance = await startAppliance({ dataDir, delivery: 'sandbox', ...LOGIN });
  api = new Api(appliance.adminUrl);
  await api.login(LOGIN.email, LOGIN.password);
});
afterAll(async () => {
  await appliance?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

interface Message {
  recipients: { address: string; state: string }[];
  events: { kind: string; reason: string; url: string | null }[];
}
const from = { name: '例商店', address: 'shop@example.co.jp' };
const send = async (body: object) => (await api.post<{ id: number }>('/messages', { from, ...body })).id;
const when = (id: number, done: (message: Message) => boolean) => api.poll<Message>(`/messages/${id}`, done);

it('a receipt from a template arrives, is opened and clicked, and its history says so', async () => {
  const template = await api.post<{ id: number; variables: string[] }>('/templates', {
    name: '受注確認',
    subject: 'ご注文 {{ number }} を承りました',
    html: '<p>{{ name }}様</p><p><a href="https://shop.example/orders/{{ number }}">明細</a> <a href="https://shop.example/help">ヘルプ</a></p>',
  });
  expect(template.variables).toEqual(['name', 'number']);
  const pdf = { filename: '領収書.pdf', contentType: 'application/pdf', content: 'JVBERi0=' };
  const id = await send({
    to: 'taro@example.jp',
    templateId: template.id,
    variables: { name: '山田', number: 77 },
    attachments: [pdf],
    tags: ['order'],
    trackOpens: true,
    trackClicks: true,
  });
  await when(id, ({ recipients }) => recipients[0]?.state === 'delivered');

  const { items } = await api.get<{ items: { id: number; subject: string }[] }>('/sandbox-messages?q=taro');
  expect(items).toMatchObject([{ subject: 'ご注文 77 を承りました' }]);
  const html = await api.text(`/sandbox-messages/${items[0]!.id}/html`);
  expect(html).toContain('山田様');
  expect(
    (await api.get<{ attachments: object[] }>(`/sandbox-messages/${items[0]!.id}`)).attachments,
  ).toMatchObject([{ filename: '領収書.pdf', contentType: 'application/pdf', size: 5 }]);
  const links = [...html.matchAll(/href="([^"]+)"/g)].map(([, url]) => url!);
  const targets = await Promise.all(
    links.map(async (url) => (await fetch(url, { redirect: 'manual' })).headers.get('location')),
  );
  expect(targets).toEqual(['https://shop.example/orders/77', 'https://shop.example/help']);
  await fetch(/src="([^"]+\/o\/[^"]+)"/.exec(html)![1]!);

  const { events, recipients } = await when(id, (message) => message.events.length === 4);
  expect(recipients).toEqual([{ address: 'taro@example.jp', state: 'delivered' }]);
  expect(events[0]).toMatchObject({ kind: 'delivered' });
  expect(
    events
      .slice(1)
      .map(({ kind, url }) => `${kind} ${url}`)
      .sort(),
  ).toEqual([
    'clicked https://shop.example/help',
    'clicked https://shop.example/orders/{{ number }}',
    'opened null',
  ]);
});

it('one that is to leave later is stopped before', async () => {
  const id = await send({
    to: 'later@example.jp',
    subject: 's',
    text: 't',
    sendAt: new Date(Date.now() + 3_600_000).toISOString(),
  });
  await when(id, ({ recipients }) => recipients[0]?.state === 'scheduled');
  await api.post(`/messages/${id}/cancel`);
  const { recipients } = await when(id, ({ events }) => events.length > 0);
  expect(recipients).toEqual([{ address: 'later@example.jp', state: 'cancelled' }]);
  await expect(api.post(`/messages/${id}/cancel`)).rejects.toThrow(/has left already/);
  expect((await api.get<{ items: object[] }>('/sandbox-messages?q=later')).items).toEqual([]);
});

it('one to a mailbox that does not exist bounces, and the next one is refused with the reason', async () => {
  const to = 'bounce@example.jp';
  const id = await send({ to, subject: 's', text: 't' });
  const { events } = await when(id, ({ recipients }) => recipients[0]?.state === 'bounced');
  expect(events).toMatchObject([{ kind: 'bounced', reason: 'unknown-user' }]);
  await api.poll<{ items: object[] }>(`/suppressions?q=${to}`, ({ items }) => items.length === 1);
  await expect(send({ to, subject: 's', text: 't' })).rejects.toThrow(/unknown-user/);
});
