/**
 * `npm run demo`: the whole main job on a throw-away data folder, through the real HTTP API and real SMTP to the
 * built-in sandbox. Nothing leaves this machine. Flags: --people N (10000), --exit (end after the summary and print one
 * line of JSON on stdout).
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Import, List } from '../server/audience/schemas.ts';
import type { Campaign, Report } from '../server/campaigns/schemas.ts';
import { Api } from './api.ts';
import { type Appliance, freePort, startAppliance } from './appliance.ts';
import { DEMO_CAMPAIGN, DEMO_HTML } from './demo/campaign.ts';
import { COLUMNS, demoPeople, peopleCsv } from './demo/people.ts';
import { number, ProgressLine, percent } from './demo/progress.ts';
import { simulateReaders } from './demo/readers.ts';

const EMAIL = 'demo@example.jp';
/** CSV column → what it becomes; null leaves it out */
const MAPPING: Record<(typeof COLUMNS)[number], string | null> = {
  会員番号: null,
  氏名: 'name',
  メールアドレス: 'email',
  会社名: 'company',
  都道府県: 'prefecture',
  会員ランク: 'rank',
  ポイント: 'points',
};
const ATTRIBUTES = [
  { key: 'company', label: '会社名', type: 'text' },
  { key: 'prefecture', label: '都道府県', type: 'text' },
  { key: 'rank', label: '会員ランク', type: 'text' },
  { key: 'points', label: 'ポイント', type: 'number' },
];

const { values } = parseArgs({
  options: { people: { type: 'string', default: '10000' }, exit: { type: 'boolean', default: false } },
});
const people = Number(values.people);
if (!Number.isInteger(people) || people < 1 || people > 1_000_000) {
  console.error(`--people ${values.people}: should be a number from 1 to 1000000`);
  process.exit(2);
}

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const dataDir = mkdtempSync(join(tmpdir(), 'todoke-demo-'));
const password = randomBytes(9).toString('base64url');
let appliance: Appliance | undefined;
let ending = false;

async function end(code: number): Promise<never> {
  ending = true;
  await appliance?.stop();
  rmSync(dataDir, { recursive: true, force: true });
  process.exit(code);
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (ending) return;
    say('\nStopping, and removing the demo data …');
    void end(0);
  });
}

try {
  await run();
} catch (error) {
  if (!ending) {
    say(`\nThe demo failed: ${(error as Error).message}`);
    if (appliance) say(`The appliance said:\n${appliance.lastLines()}`);
    await end(1);
  }
}

async function run(): Promise<void> {
  const startedAt = Date.now();
  const adminPort = await choosePort(8080, 'The admin UI');
  const publicPort = await choosePort(8081, "Readers' links");
  say('Starting Todoke in sandbox mode …');
  appliance = await startAppliance({
    dataDir,
    delivery: 'sandbox',
    email: EMAIL,
    password,
    adminPort,
    publicPort,
  });
  void appliance.exited.then((code) => {
    if (ending) return;
    say(`The appliance ended by itself (code ${code}):\n${appliance?.lastLines()}`);
    void end(1);
  });
  const api = new Api(appliance.adminUrl);
  await api.login(EMAIL, password);

  // Short retries, so that the greylisted addresses arrive while one watches.
  await api.patch('/settings', {
    organisation: 'みのり市場株式会社',
    retry: { first: 2, cap: 60, jitter: 0.2, giveUp: 3600 },
  });
  await api.post('/sending-domains', { domain: 'todoke.example.jp' });
  for (const attribute of ATTRIBUTES) await api.post('/attributes', attribute);
  const list = await api.post<List>('/lists', {
    name: '会員さま',
    description: 'メール配信を希望された会員',
  });

  const imported = await importPeople(api, list.id);
  const sent = await send(api, list.id);
  const report = await beRead(api, appliance.publicUrl, sent);

  const { counts } = report;
  if (values.exit) {
    const seconds = (Date.now() - startedAt) / 1000;
    const { created, rejected } = imported;
    console.log(
      JSON.stringify({
        demo: 'done',
        people,
        created,
        rejected,
        state: report.campaign.state,
        counts,
        seconds,
      }),
    );
    await end(0);
  }
  say(`
  Delivered     ${percent(counts.delivered, counts.sent)}
  Opened        ${percent(counts.uniqueOpens, counts.delivered)}
  Clicked       ${percent(counts.uniqueClicks, counts.delivered)}
  Unsubscribed  ${percent(counts.unsubscribes, counts.delivered)}
  Bounced       ${percent(counts.bounced, counts.sent)}

  Open    ${appliance.adminUrl}
  Login   ${EMAIL}
  Password ${password}

  Report  ${appliance.adminUrl}/#/campaigns/${sent.id}/report
  Ctrl-C ends the demo and removes its data (${dataDir}).`);
}

async function choosePort(preferred: number, what: string): Promise<number> {
  const port = await freePort(preferred);
  if (port !== preferred) say(`Port ${preferred} is taken. ${what}: port ${port} instead.`);
  return port;
}

async function importPeople(api: Api, listId: number): Promise<Import> {
  const line = new ProgressLine();
  line.show(`Making a CP932 file of ${number(people)} people …`);
  const csv = peopleCsv(demoPeople(people));
  const file = new File([csv], '会員名簿.csv', { type: 'text/csv' });
  const mapping = JSON.stringify(COLUMNS.map((column) => MAPPING[column]));
  const { id } = await api.upload<Import>('/imports', { listId: String(listId), mapping }, file);
  const done = await api.poll<Import>(
    `/imports/${id}`,
    ({ state }) => !['queued', 'running'].includes(state),
    {
      seen: ({ rows }) => line.show(`Importing: ${number(rows)} of ${number(people)} people`),
    },
  );
  if (done.state !== 'done') throw new Error(`The import ended as ${done.state}: ${done.error}`);
  line.end(
    `Imported ${number(done.created)} people from a CP932 file of ${number(csv.length)} bytes, ${done.rejected} rejected`,
  );
  return done;
}

async function send(api: Api, listId: number): Promise<Campaign> {
  const line = new ProgressLine();
  const { id } = await api.post<Campaign>('/campaigns', {
    ...DEMO_CAMPAIGN,
    listIds: [listId],
    html: DEMO_HTML,
  });
  const startedAt = Date.now();
  await api.post(`/campaigns/${id}/start`);
  const campaign = await api.poll<Campaign>(
    `/campaigns/${id}`,
    ({ state }) => !['scheduled', 'sending'].includes(state),
    {
      seen: ({ counts }) =>
        line.show(
          `Sending: ${number(counts.delivered)} delivered, ${counts.deferred} deferred, ${counts.bounced} bounced`,
        ),
    },
  );
  if (campaign.state !== 'finished') throw new Error(`The campaign ended as ${campaign.state}`);
  const { delivered, bounced } = campaign.counts;
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  line.end(
    `Sent in ${seconds} s over SMTP to the sandbox: ${number(delivered)} delivered, ${number(bounced)} bounced`,
  );
  return campaign;
}

async function beRead(api: Api, publicUrl: string, campaign: Campaign): Promise<Report> {
  const line = new ProgressLine();
  const did = await simulateReaders(api, publicUrl, (counts) =>
    line.show(
      `Readers: ${number(counts.opens)} opened, ${counts.clicks} clicked, ${counts.unsubscribes} unsubscribed`,
    ),
  );
  line.end(
    `Readers opened ${number(did.opens)}, clicked ${number(did.clicks)}, unsubscribed ${did.unsubscribes}`,
  );
  const report = `/campaigns/${campaign.id}/report`;
  // Events are folded into the report a moment after they are recorded.
  return api.poll<Report>(
    report,
    ({ counts }) =>
      counts.uniqueOpens >= did.opens &&
      counts.uniqueClicks >= did.clicks &&
      counts.unsubscribes >= did.unsubscribes,
  );
}
