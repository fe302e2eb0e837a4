/// <reference lib="dom" />
/**
 * Every screen with real data, at the width of a desk and of a phone, in Japanese and English, light and dark: no accessibility
 * finding (axe, WCAG 2.2 AA), nothing in the console, nothing wider than the window, no request to anywhere else.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Api } from '../../scripts/api.ts';
import { type Appliance, startAppliance } from '../../scripts/appliance.ts';
import { startBrowser, type TestBrowser } from './browser.ts';

const LOGIN = { email: 'tanaka@example.co.jp', password: 'a long enough password' };

let dataDir: string;
let appliance: Appliance;
let browser: TestBrowser;
let places: Record<string, string>;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'todoke-screens-'));
  [appliance, browser] = await Promise.all([
    startAppliance({ dataDir, delivery: 'sandbox', ...LOGIN }),
    startBrowser(),
  ]);
  const api = new Api(appliance.adminUrl);
  await api.login(LOGIN.email, LOGIN.password);
  const domain = await api.post<{ id: number }>('/sending-domains', { domain: 'example.co.jp' });
  await api.post('/routes', {
    match: '*.example.jp',
    relay: [
      { host: 'relay.example.jp', port: 25, tls: 'required', ratePerSecond: 5 },
      { host: 'spare.example.jp', port: 25, weight: 0 },
    ],
  });
  // One address that this machine has, one that it has not: its row says what is wrong.
  const pool = await api.post<{ id: number }>('/ip-pools', {
    name: '一斉配信用',
    sources: [
      { address: '127.0.0.1', ehlo: 'mail1.example.co.jp', weight: 3 },
      { address: '203.0.113.9', ehlo: 'mail2.example.co.jp', warmUp: true },
    ],
  });
  await api.patch('/shaping/docomo', { values: { connections: 4 } });
  await api.post('/shaping', { provider: 'partner-a', label: '取引先 A', domains: ['a.example.jp'] });
  await api.post('/tls-rules', { match: 'bank.example.jp', mode: 'verified' });
  await api.post('/attributes', { key: 'company', label: '会社名', type: 'text' });
  await api.post('/api-keys', { name: '基幹システム', scopes: ['audience:read'] });
  await api.post('/suppressions', { email: 'stop@example.jp', note: '電話で依頼' });
  // Nobody listens there: what is sent fails, and the screens say so.
  await api.patch('/settings', { webhookTargets: ['127.0.0.1'] });
  const webhook = await api.post<{ id: number }>('/webhooks', {
    name: '顧客管理',
    url: 'http://127.0.0.1:1/hooks',
    events: ['delivered', 'bounced', 'campaign.finished'],
  });
  await api.post(`/webhooks/${webhook.id}/test`);
  const list = await api.post<{ id: number }>('/lists', { name: 'メルマガ会員' });
  const rows = ['email,name,company', 'broken row'];
  for (let n = 1; n <= 60; n += 1)
    rows.push(`${n % 9 === 0 ? 'bounce' : 'p'}${n}@example.jp,名前${n},会社${n}`);
  const file = new File([rows.join('\n')], '名簿.csv', { type: 'text/csv' });
  const imported = await api.upload<{ id: number }>('/imports', { listId: String(list.id) }, file);
  await api.poll<{ state: string }>(`/imports/${imported.id}`, ({ state }) => state === 'done');
  await api.post('/queues/controls', {
    scope: 'domain',
    value: 'paused.example.jp',
    action: 'pause',
    reason: '相手先のメンテナンス',
    minutes: 60,
  });
  const draft = {
    name: '11月のお便り',
    subject: '{{ name }}様 お知らせ',
    from: { name: 'みどり商店', address: 'news@example.co.jp' },
    listIds: [list.id],
    html: '<p>{{ name }}様</p><p><a href="https://www.example.co.jp/">見る</a></p>',
  };
  const sent = await api.post<{ id: number }>('/campaigns', draft);
  await api.post(`/campaigns/${sent.id}/start`);
  await api.poll<{ state: string }>(`/campaigns/${sent.id}`, ({ state }) => state === 'finished');
  const written = await api.post<{ id: number }>('/campaigns', {
    ...draft,
    name: '下書き',
    poolId: pool.id,
  });
  const mails = await api.get<{ items: { id: number }[] }>('/sandbox-messages?limit=1');
  const people = await api.get<{ items: { id: number }[] }>('/subscribers?limit=1');
  places = {
    home: '/',
    campaigns: '/campaigns',
    'campaign: audience': `/campaigns/${written.id}/audience`,
    'campaign: content': `/campaigns/${written.id}/content`,
    'campaign: review': `/campaigns/${written.id}/review`,
    'campaign: send': `/campaigns/${written.id}/send`,
    'campaign: sent': `/campaigns/${sent.id}/send`,
    report: `/campaigns/${sent.id}/report`,
    reports: '/reports',
    subscribers: '/subscribers',
    subscriber: `/subscribers/${people.items[0]!.id}`,
    lists: '/lists',
    list: `/lists/${list.id}`,
    attributes: '/attributes',
    imports: '/imports',
    'import wizard': '/imports/new',
    import: `/imports/${imported.id}`,
    suppressions: '/suppressions',
    deliveries: '/deliveries',
    queues: '/queues',
    'queues: sites': '/queues?tab=sites',
    'queues: sources': '/queues?tab=sources',
    'queues: relays': '/queues?tab=relays',
    'IP pools': '/ip-pools',
    shaping: '/shaping',
    'shaping of a provider': '/shaping/docomo',
    'shaping of one’s own': '/shaping/partner-a',
    TLS: '/tls',
    sandbox: '/sandbox',
    'sandbox mail': `/sandbox/${mails.items[0]!.id}`,
    'sending domains': '/sending-domains',
    'sending domain': `/sending-domains/${domain.id}`,
    routes: '/routes',
    settings: '/settings',
    users: '/users',
    'API keys': '/api-keys',
    webhooks: '/webhooks',
    webhook: `/webhooks/${webhook.id}`,
    'audit log': '/audit-log',
    profile: '/profile',
  };
});
afterAll(async () => {
  await browser?.stop();
  await appliance?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function visit(page: Page, place: string): Promise<void> {
  await page.goto(`${appliance.adminUrl}/#${place}`);
  // From scratch: what stands there then is this screen's, not the last one's.
  await page.reload();
  await page.getByRole('heading', { level: 1 }).first().waitFor();
  // Skeletons and dimmed tables stand for what is still on its way.
  await page.waitForFunction(
    () =>
      document.querySelectorAll('[aria-busy="true"], .skeleton').length === 0 &&
      document.getAnimations().every(({ playState }) => playState !== 'running'),
  );
}

async function findings(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    // The mails' own HTML is not ours.
    .exclude('iframe')
    .analyze();
  return violations.map(
    ({ id, nodes }) =>
      `${id}: ${nodes
        .slice(0, 3)
        .map(({ html }) => html.slice(0, 120))
        .join(' | ')}`,
  );
}

describe.each([
  { width: 1440, scheme: 'light', language: 'ja' },
  { width: 390, scheme: 'dark', language: 'ja' },
  { width: 1440, scheme: 'dark', language: 'en' },
] as const)('at $width px, $scheme, $language', ({ width, scheme, language }) => {
  it('every screen is clean', { timeout: 300_000 }, async () => {
    const { page, context, problems } = await browser.person({ width, height: 900 });
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    const foreign: string[] = [];
    page.on('request', (request) => {
      // A mail that is looked at in the sandbox shows its open pixel, as in a mail program.
      const own = [appliance.adminUrl, `${appliance.publicUrl}/o/`].some((base) =>
        request.url().startsWith(base),
      );
      if (!own && !/^(data|blob|about):/.test(request.url())) foreign.push(request.url());
    });
    await page.goto(appliance.adminUrl);
    await page.locator('input[type=email], input[name=email]').first().fill(LOGIN.email);
    await page.locator('input[type=password]').fill(LOGIN.password);
    const loginFindings = await findings(page);
    await page.keyboard.press('Enter');
    await page.getByRole('banner').waitFor();
    await page.request.patch(`${appliance.adminUrl}/api/v1/session`, {
      data: { language },
      headers: { origin: appliance.adminUrl },
    });
    await page.reload();
    problems.length = 0;

    const found: Record<string, unknown> = {};
    if (loginFindings.length > 0) found.login = loginFindings;
    for (const [name, place] of Object.entries(places)) {
      await visit(page, place);
      const wrong = await findings(page);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      if (overflow > 0) wrong.push(`wider than the window by ${overflow} px`);
      const lang = await page.evaluate(() => document.documentElement.lang);
      if (lang !== language) wrong.push(`lang is ${lang}`);
      if (problems.length > 0) wrong.push(...problems.splice(0));
      if (wrong.length > 0) found[name] = wrong;
    }
    await context.close();
    expect(found).toEqual({});
    expect(foreign).toEqual([]);
  });
});
