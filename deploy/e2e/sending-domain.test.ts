/**
 * A sending domain set up in the browser by somebody who does what the page says, with a DNS server that holds what they
 * publish: from the empty list to a domain that is ready, a rotated key, a merged SPF record, a stricter DMARC policy.
 */
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type DnsServer, startDnsServer } from '../../mta/test/dns-server.ts';
import { features } from '../../server/features.ts';
import { call, type Harness, startHarness } from '../../server/testing/harness.ts';
import { startBrowser, type TestBrowser } from './browser.ts';

let dns: DnsServer;
let h: Harness;
let browser: TestBrowser;
let page: Page;
let problems: string[];
let headers: Record<string, string>;

beforeAll(async () => {
  dns = await startDnsServer({ 'mail.example.co.jp': { A: ['192.0.2.7'] } });
  h = await startHarness({
    features,
    env: { TODOKE_PUBLIC_URL: 'https://mail.example.co.jp', TODOKE_DNS: dns.address },
  });
  await h.admin.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${(h.admin.server.address() as AddressInfo).port}`;
  headers = (await h.login('administrator')).headers;
  browser = await startBrowser();
  const person = await browser.person();
  ({ page, problems } = person);
  const [name, value] = headers.cookie!.split('=');
  await person.context.addCookies([{ name: name!, value: value!, url }]);
  await page.goto(`${url}/#/sending-domains`);
});
afterAll(async () => {
  await browser?.stop();
  await h?.close();
  await dns?.stop();
});

/** Writes the shown records into the zone, as the administrator would. */
async function publish(): Promise<void> {
  const { body } = await call(h.admin, 'GET', '/api/v1/sending-domains/1', headers);
  for (const { type, name, value, level } of body.records) {
    if (level === 'optional' || name === '' || value === '') continue;
    const entry = dns.zone[name] ?? {};
    dns.zone[name] = entry;
    const strings = [...value.matchAll(/"([^"]*)"/g)].map((match: RegExpMatchArray) => match[1]!);
    if (type === 'TXT') entry.TXT = [strings.length > 0 ? strings : value];
    if (type === 'MX') entry.MX = [[10, value.split(' ')[1]]];
    if (type === 'PTR') entry.PTR = [value];
    if (type === 'A') entry.A = [value];
  }
}
const step = (key: string) => page.locator(`#step-${key}`);
const open = async (key: string) => {
  if ((await step(key).getAttribute('open')) === null) await step(key).locator('> summary').click();
};

it('a new domain is looked up at once, and the page says what is missing', async () => {
  await page.getByRole('button', { name: 'ドメインを追加' }).first().click();
  await page.getByRole('dialog').getByRole('textbox').first().fill('news@example.co.jp');
  await page.getByRole('button', { name: '追加して設定へ進む' }).click();
  await page.getByRole('heading', { level: 1, name: 'example.co.jp' }).waitFor();
  await step('dkim').getByText('見つかりませんでした。').waitFor();
  await open('reverse-dns');
  await step('reverse-dns').getByText('192.0.2.7 に逆引きがありません。').waitFor();
});

it('when all is published it is ready', async () => {
  await publish();
  await page.getByRole('button', { name: 'すべて確認' }).click();
  await page.getByText('このドメインから送信できます').waitFor();
});

it('an SPF record of others is kept in the value to copy', async () => {
  dns.zone['example.co.jp']!.TXT = ['v=spf1 ip4:198.51.100.7 -all'];
  await open('spf');
  await page.getByRole('button', { name: '差出人ドメインの SPF を確認' }).click();
  await step('spf').getByText('v=spf1 ip4:198.51.100.7 include:bounce.example.co.jp -all').waitFor();
  await publish();
});

it('a key is rotated: made, published, found, switched; the old record has to stay', async () => {
  await open('dkim');
  await page.getByRole('button', { name: '鍵を交換する' }).click();
  const dialog = page.getByRole('dialog');
  const change = dialog.getByRole('button', { name: '切り替える' });
  await dialog.getByRole('button', { name: '新しい鍵を作る' }).click();
  await dialog.getByRole('button', { name: 'DNS を確認' }).click();
  await dialog.getByText('まだ DNS で確認できません。').waitFor();
  expect(await change.isDisabled()).toBe(true);
  await publish();
  await dialog.getByRole('button', { name: 'DNS を確認' }).click();
  await dialog.getByText('正しく登録されています。').waitFor();
  await change.click();
  await dialog.waitFor({ state: 'detached' });
  await step('dkim').getByText('まで DNS のレコードを残してください。').waitFor();
  const { body } = await call(h.admin, 'GET', '/api/v1/sending-domains/1', headers);
  expect(body.dkimKeys.map(({ state }: { state: string }) => state)).toEqual(['retiring', 'active']);
  expect(h.deps.spool.settings()!.domains[0]!.dkim.map(({ selector }) => selector)).toEqual([
    body.dkimSelector,
  ]);
});

it('a stricter DMARC policy becomes the value to publish', async () => {
  await open('dmarc');
  await step('dmarc').getByText('迷惑メールにする').click();
  await step('dmarc').getByLabel('レポートの送り先').fill('dmarc@example.co.jp');
  await step('dmarc').getByRole('button', { name: '方針を決める' }).click();
  await step('dmarc').getByText('公開されている方針は none です。').waitFor();
  await step('dmarc').getByText('v=DMARC1; p=quarantine; rua=mailto:dmarc@example.co.jp').waitFor();
  expect(problems).toEqual([]);
});
