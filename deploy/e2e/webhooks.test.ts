/**
 * A webhook from the first click to the last event: an administrator allows the target, makes the webhook, tests it, sends
 * a campaign and a request again; the receiver checks every signature. Then the server is killed in the middle of a request.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Api } from '../../scripts/api.ts';
import { type Appliance, startAppliance } from '../../scripts/appliance.ts';
import { type Receiver, startReceiver, verifies } from '../../server/test/webhook-fixtures.ts';
import { startBrowser, type TestBrowser } from './browser.ts';

const LOGIN = { email: 'tanaka@example.co.jp', password: 'a long enough password' };

let dataDir: string;
let appliance: Appliance;
let browser: TestBrowser;
let receiver: Receiver;
let api: Api;
let page: Page;
let problems: string[];
let secret: string;
let webhookId: number;

const start = async (): Promise<void> => {
  appliance = await startAppliance({ dataDir, delivery: 'sandbox', ...LOGIN });
  api = new Api(appliance.adminUrl);
  await api.login(LOGIN.email, LOGIN.password);
};
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'todoke-webhooks-'));
  [, browser, receiver] = await Promise.all([start(), startBrowser(), startReceiver()]);
  ({ page, problems } = await browser.person());
  await page.goto(appliance.adminUrl);
  await page.locator('input[type=email], input[name=email]').first().fill(LOGIN.email);
  await page.locator('input[type=password]').fill(LOGIN.password);
  await page.keyboard.press('Enter');
  await page.getByRole('banner').waitFor();
});
afterAll(async () => {
  await browser?.stop();
  await appliance?.stop();
  await receiver?.close();
  await rm(dataDir, { recursive: true, force: true });
});

async function findings(): Promise<string[]> {
  await page.waitForFunction(() =>
    document.getAnimations().every(({ playState }) => playState !== 'running'),
  );
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    .analyze();
  return violations.map(({ id, nodes }) => `${id}: ${nodes[0]!.html.slice(0, 160)}`);
}
const row = (n: number) => page.getByRole('table').getByRole('row').nth(n);

it('an internal target must be allowed first', async () => {
  await page.getByRole('link', { name: 'Webhook' }).click();
  await page.getByText('Webhook はまだありません').waitFor();
  await page.getByRole('button', { name: 'Webhook を追加' }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('名前').fill('顧客管理');
  await dialog.getByLabel('送信先の URL').fill(receiver.url);
  expect(await findings()).toEqual([]);
  await dialog.getByRole('button', { name: '作成' }).click();
  await dialog.getByText('社内のアドレスに向かう URL です。').first().waitFor();
  await dialog.getByRole('button', { name: 'やめる' }).click();

  const targets = page.getByLabel('ホスト名、IP アドレス、範囲');
  await targets.fill('127.0.0.1\n0.0.0.0/0');
  await page.getByRole('button', { name: '保存' }).click();
  await page.getByText('2 行目:').waitFor();
  await targets.fill('127.0.0.1');
  await page.getByRole('button', { name: '保存' }).click();
  await page.getByText('保存しました').waitFor();
  // Both refusals stand in the browser's console as failed requests.
  problems.length = 0;
});

it('it is made, and its secret is shown once', async () => {
  await page.getByRole('button', { name: 'Webhook を追加' }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('名前').fill('顧客管理');
  await dialog.getByLabel('送信先の URL').fill(receiver.url);
  await dialog.getByLabel('届いた').check();
  await dialog.getByRole('button', { name: '作成' }).click();
  await dialog.getByText('このキーは今しか表示されません。').waitFor();
  expect(await findings()).toEqual([]);
  secret = (await dialog.getByText(/^whsec_/).textContent())!;
  await dialog.getByRole('button', { name: '控えました' }).click();
  await page.getByRole('link', { name: '顧客管理' }).click();
  await page.getByRole('heading', { level: 1, name: '顧客管理' }).waitFor();
  webhookId = Number(/webhooks\/(\d+)/.exec(page.url())![1]);
  expect(await page.content()).not.toContain(secret);
});

it('a test shows at once whether the connection works', async () => {
  await page.getByRole('button', { name: 'テストを送る' }).click();
  await row(1).getByText('送信済み').waitFor();
  await row(1).getByText('200').waitFor();
  expect(receiver.events()).toMatchObject([{ type: 'test' }]);
  expect(await verifies(receiver.requests[0]!, secret)).toBe(true);
});

it('a campaign’s events come in order, and its end last', async () => {
  const list = await api.post<{ id: number }>('/lists', { name: 'メルマガ会員' });
  const rows = ['email', ...Array.from({ length: 40 }, (_, n) => `p${n}@example.jp`)];
  const file = new File([rows.join('\n')], 'people.csv', { type: 'text/csv' });
  const imported = await api.upload<{ id: number }>('/imports', { listId: String(list.id) }, file);
  await api.poll<{ state: string }>(`/imports/${imported.id}`, ({ state }) => state === 'done');
  await api.post('/sending-domains', { domain: 'example.co.jp' });
  const campaign = await api.post<{ id: number }>('/campaigns', {
    name: '11月のお便り',
    subject: 'お知らせ',
    from: { name: 'みどり商店', address: 'news@example.co.jp' },
    listIds: [list.id],
    html: '<p>こんにちは</p>',
  });
  receiver.requests.length = 0;
  await api.post(`/campaigns/${campaign.id}/start`);
  await api.poll<{ state: string }>(`/campaigns/${campaign.id}`, ({ state }) => state === 'finished');
  await expect.poll(() => receiver.events().at(-1)?.type, { timeout: 30_000 }).toBe('campaign.finished');
  const events = receiver.events();
  expect(
    events
      .filter(({ type }) => type === 'delivered')
      .map(({ recipient }) => recipient)
      .sort(),
  ).toEqual(rows.slice(1).sort());
  expect(events.at(-1)).toMatchObject({
    campaignId: campaign.id,
    campaignName: '11月のお便り',
    delivered: 40,
  });
  const ids = events.slice(0, -1).map(({ id }) => Number(id.replace('evt_', '')));
  expect(ids).toEqual([...ids].sort((a, b) => a - b));
  expect(receiver.requests.length).toBeLessThan(20);
  for (const request of receiver.requests) expect(await verifies(request, secret)).toBe(true);
});

it('a request can be looked into and sent again', async () => {
  const last = receiver.requests.at(-1)!;
  const { items } = await api.poll<{ items: { id: number; messageId: string; state: string }[] }>(
    `/webhooks/${webhookId}/deliveries?limit=1`,
    ({ items: [newest] }) => newest?.messageId === last.id && newest.state === 'delivered',
  );
  // By its number: the list on the screen may still be on its way to what the server knows.
  const { id } = items[0]!;
  await page.getByRole('button', { name: `送信 ${id} の詳細` }).click();
  // The first of them: of a big batch not all are shown.
  await page.getByText(`"id": "${last.events[0]!.id}"`).waitFor();
  await page.getByText(last.id).waitFor();
  expect(await findings()).toEqual([]);
  const before = receiver.requests.length;
  await page.getByRole('button', { name: `送信 ${id} を送り直す` }).click();
  await receiver.count(before + 1);
  expect(receiver.requests.at(-1)).toMatchObject({ id: last.id, body: last.body });
  await page.getByText('再送', { exact: true }).waitFor();
});

it('everything since a time can be sent again', async () => {
  const before = new Set(
    receiver
      .events()
      .map(({ id }) => id)
      .filter((id) => !/^evt_[0-9a-f]{32}$/.test(id)),
  );
  receiver.requests.length = 0;
  await page.getByRole('button', { name: 'そのほかの操作' }).click();
  await page.getByRole('menuitem', { name: '日時を指定して送り直す' }).click();
  const dialog = page.getByRole('dialog');
  const anHourAgo = new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 16);
  await dialog.getByLabel('この日時から').fill(anHourAgo);
  expect(await findings()).toEqual([]);
  await dialog.getByRole('button', { name: '送り直す' }).click();
  await expect.poll(() => receiver.events().length, { timeout: 30_000 }).toBeGreaterThanOrEqual(before.size);
  expect(new Set(receiver.events().map(({ id }) => id))).toEqual(before);
});

it('a failing one says so, and goes on by itself when the receiver is back', async () => {
  // Asked to be left alone for an hour, it is not tried before the click.
  receiver.answer = () => ({ status: 503, headers: { 'retry-after': '3600' }, body: 'メンテナンス中です' });
  await api.post(`/webhooks/${webhookId}/replay`, { since: new Date(Date.now() - 3_600_000).toISOString() });
  await page.getByText('届いていません').first().waitFor();
  await row(1).getByText('待機中').waitFor();
  await row(1).getByText('503').waitFor();
  expect(await findings()).toEqual([]);
  receiver.answer = () => ({ status: 200 });
  await page.getByRole('button', { name: '今すぐ試す' }).first().click();
  await page.getByText('稼働中').waitFor();
  expect(problems).toEqual([]);
});

it('a server that is killed in the middle of a request sends it again under the same id', {
  timeout: 120_000,
}, async () => {
  receiver.requests.length = 0;
  receiver.answer = () => 'hang';
  await api.post(`/webhooks/${webhookId}/replay`, { since: new Date(Date.now() - 3_600_000).toISOString() });
  await receiver.count(1);
  process.kill(appliance.pid, 'SIGKILL');
  await appliance.exited;
  receiver.answer = () => ({ status: 200 });
  await start();
  await receiver.count(2);
  const [cut, again] = receiver.requests;
  expect({ id: again!.id, body: again!.body }).toEqual({ id: cut!.id, body: cut!.body });
  expect(await verifies(again!, secret)).toBe(true);
});
