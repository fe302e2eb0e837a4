/** What comes back by mail, through the whole appliance: a campaign's numbers, the suppression list, an unsubscribe in a running campaign. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import nodemailer from 'nodemailer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { dsn, feedback, type RemoteHost, startRemoteHost } from '../../mta/test/inbound-samples.ts';
import { Api } from '../../scripts/api.ts';
import { type Appliance, startAppliance } from '../../scripts/appliance.ts';

const LOGIN = { email: 'it@example.jp', password: 'a long enough password' };
const PEOPLE = ['neko@example.com', 'inu@example.com', 'tori@example.com', 'kame@example.com'];

let dataDir: string;
let appliance: Appliance;
let remote: RemoteHost;
let api: Api;
let list: { id: number };

interface Campaign {
  state: string;
  counts: Record<
    'delivered' | 'bounced' | 'suppressed' | 'complaints' | 'unsubscribes' | 'recipients',
    number
  >;
}

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'todoke-inbound-'));
  remote = await startRemoteHost();
  appliance = await startAppliance({ dataDir, delivery: 'live', ...LOGIN });
  api = new Api(appliance.adminUrl);
  await api.login(LOGIN.email, LOGIN.password);
  await api.post('/sending-domains', { domain: 'example.jp' });
  await api.post('/routes', { match: '*', relay: [{ host: '127.0.0.1', port: remote.port, tls: 'none' }] });
  list = await api.post('/lists', { name: '会員' });
  const file = new File([`email\n${PEOPLE.join('\n')}\n`], 'people.csv', { type: 'text/csv' });
  const { id } = await api.upload<{ id: number }>('/imports', { listId: String(list.id) }, file);
  await api.poll<{ state: string }>(`/imports/${id}`, ({ state }) => state === 'done', { everyMs: 50 });
});
afterAll(async () => {
  await appliance?.stop();
  await remote?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

async function start(name: string): Promise<number> {
  const { id } = await api.post<{ id: number }>('/campaigns', {
    name,
    subject: name,
    from: { name: '例社', address: 'news@example.jp' },
    html: '<p>こんにちは <a href="{{ unsubscribe_url }}">配信停止</a></p>',
    listIds: [list.id],
  });
  await api.post(`/campaigns/${id}/start`, {
    overrides: [{ code: 'public-url-local', reason: 'a test on loopback' }],
  });
  return id;
}

/** As any mail server on the internet does. */
async function bring(to: string, raw: string): Promise<void> {
  const { inbound } = JSON.parse(readFileSync(join(dataDir, 'ports.json'), 'utf8')) as { inbound: number };
  const transport = nodemailer.createTransport({
    host: '127.0.0.1',
    port: inbound,
    tls: { rejectUnauthorized: false },
  });
  await transport.sendMail({ envelope: { from: '', to: [to] }, raw });
  transport.close();
}

const until = (id: number, done: (campaign: Campaign) => boolean): Promise<Campaign> =>
  api.poll<Campaign>(`/campaigns/${id}`, done, { everyMs: 50 });

it('moves a person from delivered to bounced, suppresses, and stops a running campaign', async () => {
  const first = await start('一通目');
  await until(first, ({ state, counts }) => state === 'finished' && counts.delivered === 4);
  const [bounced, complaining, leaving] = await Promise.all(
    PEOPLE.slice(0, 3).map((address) => remote.mailTo(address)),
  );

  // The second one is running, and nothing of it may leave yet.
  await api.post('/queues/stop');
  const second = await start('二通目');
  await until(second, ({ counts }) => counts.recipients === 4);

  await bring(bounced!.mailFrom, dsn(bounced!));
  await bring('feedback@bounce.example.jp', feedback(complaining!));
  const unsubscribe = /<mailto:([^?>]+)/.exec(leaving!.raw)![1]!;
  await bring(unsubscribe, `From: ${leaving!.rcptTo}\r\nSubject: unsubscribe\r\n\r\n`);
  const { counts } = await until(
    first,
    ({ counts }) => counts.bounced === 1 && counts.complaints === 1 && counts.unsubscribes === 1,
  );
  expect(counts).toMatchObject({ recipients: 4, delivered: 3, bounced: 1, suppressed: 0 });
  const { items } = await api.get<{ items: { email: string; reason: string }[] }>('/suppressions');
  expect(items).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ email: 'neko@example.com', reason: 'unknown-user' }),
      expect.objectContaining({ email: 'inu@example.com', reason: 'complaint' }),
    ]),
  );

  await api.post('/queues/resume');
  const after = await until(second, ({ state }) => state === 'finished');
  expect(after.counts).toMatchObject({ recipients: 4, delivered: 1, suppressed: 3 });
  expect(remote.mails.slice(4).map(({ rcptTo }) => rcptTo)).toEqual(['kame@example.com']);

  const report = await api.get<{
    byProvider: { delivered: number; bounced: number }[];
    overTime: { points: { delivered: number; bounced: number }[] };
  }>(`/campaigns/${first}/report`);
  expect(report.byProvider).toMatchObject([{ delivered: 3, bounced: 1 }]);
  const sum = (name: 'delivered' | 'bounced'): number =>
    report.overTime.points.reduce((total, point) => total + point[name], 0);
  expect([sum('delivered'), sum('bounced')]).toEqual([3, 1]);
});
