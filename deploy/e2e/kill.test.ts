/**
 * kill -9 of the MTA and of the whole container, ten times in one campaign of 20,000 mails against a counting sink:
 * nothing is lost, and no more is sent twice than was in flight. The campaign's start is killed too.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Api } from '../../scripts/api.ts';
import { type Appliance, startAppliance } from '../../scripts/appliance.ts';
import { type CountingSink, startCountingSink } from './counting-sink.ts';

const PEOPLE = 20_000;
const KILLS = 10;
/** Of a killed MTA alone, whose successor starts at once: two mails a connection, and one group commit. */
const IN_FLIGHT = 20 * 2 + 200;
const LOGIN = { email: 'admin@example.jp', password: 'a long enough password' };

let dataDir: string;
let sink: CountingSink;
let appliance: Appliance;
let api: Api;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'todoke-kill-'));
  sink = await startCountingSink();
});
afterAll(async () => {
  await appliance?.stop();
  await sink.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function start(): Promise<void> {
  appliance = await startAppliance({ dataDir, delivery: 'live', ...LOGIN });
  api = new Api(appliance.adminUrl);
  await api.login(LOGIN.email, LOGIN.password);
}

/** Children of the server's process by /proc, as the MTA is one. */
function mtaPid(): number {
  const children = readFileSync(`/proc/${appliance.pid}/task/${appliance.pid}/children`, 'utf8')
    .trim()
    .split(' ');
  const pid = children
    .map(Number)
    .find((child) => readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('mta/main.ts'));
  if (pid === undefined) throw new Error('the server has no MTA');
  return pid;
}

/** What the sink has accepted and the ledger does not know: exactly what will be sent twice. */
function uncommitted(): number {
  const db = new Database(join(dataDir, 'spool.db'));
  const delivered = db
    .prepare(`SELECT count(*) FROM ledger WHERE kind = 'delivered'`)
    .pluck()
    .get() as number;
  db.close();
  return sink.total - delivered;
}

async function killContainer(): Promise<void> {
  const mta = mtaPid();
  process.kill(appliance.pid, 'SIGKILL');
  process.kill(mta, 'SIGKILL');
  await appliance.exited;
  await sink.idle();
}

it('loses nothing and repeats no more than was in flight', { timeout: 240_000 }, async () => {
  await start();
  await api.post('/routes', { match: '*', relay: [{ host: '127.0.0.1', port: sink.port, tls: 'none' }] });
  await api.post('/sending-domains', { domain: 'example.jp' });
  const list = await api.post<{ id: number }>('/lists', { name: '二万人' });
  const csv = ['email,name'];
  for (let n = 1; n <= PEOPLE; n += 1) csv.push(`p${n}@d${n % 7}.example.com,名前${n}`);
  const file = new File([csv.join('\n')], 'people.csv', { type: 'text/csv' });
  const { id: importId } = await api.upload<{ id: number }>('/imports', { listId: String(list.id) }, file);
  const done = await api.poll<{ state: string; created: number }>(
    `/imports/${importId}`,
    ({ state }) => state === 'done' || state === 'failed',
  );
  expect(done).toMatchObject({ state: 'done', created: PEOPLE });
  const campaign = await api.post<{ id: number }>('/campaigns', {
    name: 'お知らせ',
    subject: '{{ name }}様',
    from: { name: '例', address: 'news@example.jp' },
    listIds: [list.id],
    html: '<p>{{ name }}様へ <a href="https://example.jp/">見る</a></p>',
  });
  await api.post(`/campaigns/${campaign.id}/start`);
  // The first kill meets the enqueueing.
  await killContainer();
  let duplicatesAllowed = uncommitted();
  await start();

  for (let kill = 1; kill < KILLS; kill += 1) {
    await sink.reached(Math.floor((PEOPLE * kill) / (KILLS + 1)));
    if (kill % 2 === 0) {
      await killContainer();
      duplicatesAllowed += uncommitted();
      await start();
    } else {
      process.kill(mtaPid(), 'SIGKILL');
      duplicatesAllowed += IN_FLIGHT;
    }
  }

  const finished = await api.poll<{ state: string; counts: { delivered: number; recipients: number } }>(
    `/campaigns/${campaign.id}`,
    ({ state }) => state === 'finished',
  );
  expect(finished.counts).toMatchObject({ recipients: PEOPLE, delivered: PEOPLE, queued: 0, bounced: 0 });
  expect(sink.accepted.size).toBe(PEOPLE);
  expect(sink.total - PEOPLE).toBeLessThanOrEqual(duplicatesAllowed);
  // A repeated mail is the same mail.
  for (const ids of sink.accepted.values()) expect(new Set(ids).size).toBe(1);
});
