/**
 * The settings of delivery as a postmaster meets them who asks why mail does not leave: from a provider's limits to what waits,
 * to the back-off that holds it and the pool that it goes by; what is typed is not lost by a slip of the hand.
 */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DnsServer, startDnsServer } from '../../mta/test/dns-server.ts';
import { Api } from '../../scripts/api.ts';
import { type Appliance, startAppliance } from '../../scripts/appliance.ts';
import { startBrowser, type TestBrowser } from './browser.ts';

const LOGIN = { email: 'tanaka@example.co.jp', password: 'a long enough password' };
const REPLY = '421 4.7.0 [TSS04] Messages from 127.0.0.1 temporarily deferred';

let dataDir: string;
let dns: DnsServer;
let provider: Server;
let appliance: Appliance;
let browser: TestBrowser;
let page: Page;
let problems: string[];
let pool: { id: number };

/** Refuses every recipient as Yahoo! JAPAN does when it has had enough. */
async function startRefusing(host: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.write('220 mx ESMTP\r\n');
    let rest = '';
    socket.on('data', (chunk) => {
      const lines = (rest + chunk).split('\r\n');
      rest = lines.pop()!;
      for (const line of lines) {
        if (line === 'QUIT') socket.end('221 Bye\r\n');
        else socket.write(line.startsWith('RCPT') ? `${REPLY}\r\n` : '250 Ok\r\n');
      }
    });
  });
  server.listen(25, host);
  await once(server, 'listening');
  return server;
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'todoke-settings-'));
  provider = await startRefusing('127.91.0.1');
  dns = await startDnsServer({
    'yahoo.co.jp': { MX: [[10, 'mx01.yahoo.co.jp']] },
    'mx01.yahoo.co.jp': { A: ['127.91.0.1'] },
    'relay.example.jp': { A: ['127.91.0.2'] },
  });
  [appliance, browser] = await Promise.all([
    startAppliance({ dataDir, delivery: 'live', ...LOGIN, env: { TODOKE_DNS: dns.address } }),
    startBrowser(),
  ]);
  const api = new Api(appliance.adminUrl);
  await api.login(LOGIN.email, LOGIN.password);
  await api.post('/sending-domains', { domain: 'example.co.jp' });
  pool = await api.post<{ id: number }>('/ip-pools', {
    name: '個別送信用',
    sources: [{ address: '127.0.0.1', ehlo: 'mail1.example.co.jp' }],
  });
  await api.patch('/settings', { classPools: { transactional: pool.id, test: null, bulk: null } });
  // The route that names a domain may lead to this machine.
  await api.post('/routes', { match: 'yahoo.co.jp', relay: [] });
  await api.post('/routes', { match: '*.example.jp', relay: [{ host: 'relay.example.jp', port: 25 }] });
  for (const to of ['a@yahoo.co.jp', 'b@yahoo.co.jp', 'c@yahoo.co.jp', 'd@x.example.jp'])
    await api.post('/messages', {
      from: { name: 'みどり商店', address: 'news@example.co.jp' },
      to,
      subject: 'ご注文の確認',
      text: 'ありがとうございます。',
    });
  const person = await browser.person();
  ({ page, problems } = person);
  await page.goto(appliance.adminUrl);
  await page.locator('input[type=email], input[name=email]').first().fill(LOGIN.email);
  await page.locator('input[type=password]').fill(LOGIN.password);
  await page.keyboard.press('Enter');
  await page.getByRole('banner').waitFor();
  // That nobody was logged in before is no problem of the screens.
  problems.length = 0;
}, 120_000);
afterAll(async () => {
  await browser?.stop();
  await appliance?.stop();
  await dns?.stop();
  await new Promise((resolve) => (provider ? provider.close(resolve) : resolve(undefined)));
  await rm(dataDir, { recursive: true, force: true });
});

const open = (place: string) => page.goto(`${appliance.adminUrl}/#${place}`);
const heading = (name: string | RegExp) => page.getByRole('heading', { level: 1, name }).waitFor();

describe('why does mail to a provider not leave', { timeout: 60_000 }, () => {
  it('its row says how much waits, and until when it is held back', async () => {
    await open('/shaping');
    const row = page.getByRole('row', { name: /^Yahoo!メール/ });
    await row.getByText('送信を休止').waitFor();
    await row.getByText(/^\d\d:\d\d まで（あと .+）$/).waitFor();
    await row.getByRole('link', { name: '3 通が待機' }).click();
    await heading('送信キュー');
    expect(new URL(page.url()).hash).toBe('#/queues?provider=yahoo-japan');
    await page
      .getByRole('row', { name: /yahoo\.co\.jp/ })
      .first()
      .waitFor();
  });

  it('its page names the reason and the back-off, and leads to the pool of the address', async () => {
    await open('/shaping/yahoo-japan');
    const now = page.getByRole('region', { name: 'いまの状態' });
    await now.getByText('相手の応答により休止中').waitFor();
    await now.getByText(REPLY).waitFor();
    await now.getByRole('link', { name: '個別送信用' }).click();
    await heading('IP プール');
    expect(new URL(page.url()).hash).toBe(`#/ip-pools?pool=${pool.id}`);
  });

  it('the back-off can be lifted there', async () => {
    await open('/shaping/yahoo-japan');
    const now = page.getByRole('region', { name: 'いまの状態' });
    await now.getByRole('button', { name: /の抑制を解除/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: '解除する' }).click();
    await page.getByText('抑制を解除しました').waitFor();
  });

  it('a route whose only relay is silent says that its mail waits, and leads to the relays', async () => {
    await open('/routes');
    const row = page.getByRole('row', { name: /\*\.example\.jp/ });
    await row.getByText(/^ほかに使える中継サーバーがないため/).waitFor();
    await page.getByRole('link', { name: '中継サーバーの送信状況' }).click();
    await heading('送信キュー');
    await page.getByRole('row', { name: /relay\.example\.jp:25/ }).waitFor();
  });
});

describe('what is typed', { timeout: 60_000 }, () => {
  it('is kept when Escape was pressed by mistake, and the focus comes back when the dialog is left', async () => {
    await open('/ip-pools');
    const opener = page.getByRole('button', { name: 'IP プールを作成' });
    await opener.click();
    const dialog = page.getByRole('dialog', { name: 'IP プールを作成' });
    await dialog.getByRole('textbox', { name: /^名前/ }).fill('新しいプール');
    await page.keyboard.press('Escape');
    const question = page.getByRole('dialog', { name: '入力した内容を破棄しますか？' });
    await question.getByRole('button', { name: '入力に戻る' }).click();
    await question.waitFor({ state: 'detached' });
    expect(await dialog.getByRole('textbox', { name: /^名前/ }).inputValue()).toBe('新しいプール');
    await dialog.getByRole('button', { name: 'やめる' }).click();
    await question.getByRole('button', { name: '破棄して閉じる' }).click();
    await dialog.waitFor({ state: 'detached' });
    expect(await opener.evaluate((button) => button === document.activeElement)).toBe(true);
  });

  it('asks nothing where nothing was typed', async () => {
    await open('/tls');
    await page.getByRole('button', { name: 'ルールを追加' }).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect(await page.getByRole('dialog').count()).toBe(0);
  });

  it('can be taken back in one step', async () => {
    await open('/settings');
    const first = page.getByLabel('最初の間隔（分）');
    const before = await first.inputValue();
    await first.fill('99');
    await page.getByRole('button', { name: '変更を取り消す' }).click();
    expect(await first.inputValue()).toBe(before);
    expect(await page.getByRole('button', { name: '変更を取り消す' }).count()).toBe(0);
  });

  it('is never refused in silence: an error without a field stands above the form', async () => {
    await open('/tls');
    await page.route('**/api/v1/tls-rules', (route) =>
      route.request().method() === 'POST'
        ? route.fulfill({
            status: 400,
            contentType: 'application/problem+json',
            body: JSON.stringify({
              status: 400,
              code: 'invalid-request',
              errors: [{ pointer: '/nowhere', code: 'unknown-property', message: 'no such property' }],
            }),
          })
        : route.continue(),
    );
    await page.getByRole('button', { name: 'ルールを追加' }).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('宛先ドメイン').fill('bank.example.jp');
    await dialog.getByRole('button', { name: '保存' }).click();
    await dialog.getByRole('alert').getByText('この項目は受け付けられません。').waitFor();
    await page.unroute('**/api/v1/tls-rules');
  });

  it('left no complaint in the console but the refusal', () => {
    expect(problems.filter((text) => !text.includes('400 (Bad Request)'))).toEqual([]);
  });
});
