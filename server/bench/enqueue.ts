/**
 * `npm run bench -- enqueue [--count 1000000]`: the real appliance starts a campaign to a million members. Prints how
 * fast the audience is frozen into the spool while the MTA sends (over a route to smtp-sink), and how long the first mail
 * takes from the start's request to its settled delivery.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Sqlite from 'better-sqlite3';
import { watchMemory } from '../../mta/bench/lib/memory.ts';
import { startSmtpSink } from '../../mta/test/smtp-sink.ts';
import { Api } from '../../scripts/api.ts';
import { startAppliance } from '../../scripts/appliance.ts';
import type { Audience, Campaign } from '../campaigns/schemas.ts';
import { migrate, openDb } from '../db/open.ts';

const { values } = parseArgs({ options: { count: { type: 'string', default: '1000000' } } });
const count = Number(values.count);
const LOGIN = { email: 'bench@example.jp', password: 'bench-password' };
const DOMAINS = 50;

const dataDir = mkdtempSync(join(tmpdir(), 'todoke-bench-'));
const sink = await startSmtpSink();
try {
  const listId = fillDatabase();
  console.log(JSON.stringify({ bench: 'enqueue', ...(await measure(listId)) }));
} finally {
  await sink.stop();
  rmSync(dataDir, { recursive: true });
}

async function measure(listId: number) {
  const appliance = await startAppliance({ dataDir, delivery: 'live', ...LOGIN });
  try {
    const api = new Api(appliance.adminUrl);
    await api.login(LOGIN.email, LOGIN.password);
    await api.post('/sending-domains', { domain: 'bench.example.jp' });
    const relay = [{ host: '127.0.0.1', port: sink.port, tls: 'none', connections: 20 }];
    await api.post('/routes', { match: '*', relay });
    const { id } = await api.post<Campaign>('/campaigns', {
      name: 'bench',
      subject: '{{ name }} 様へ',
      from: { name: 'Bench', address: 'news@bench.example.jp' },
      html: '<p>{{ name }} 様、{{ company }} の {{ points }} ポイント <a href="https://www.example.jp/">見る</a></p>',
      listIds: [listId],
    });
    const counting = performance.now();
    const audience = await api.get<Audience>(`/campaigns/${id}/audience`);
    const audienceMs = performance.now() - counting;

    const memory = watchMemory(appliance.pid);
    const startedAt = Date.now();
    const overrides = [{ code: 'public-url-local', reason: 'bench on loopback' }];
    await api.post(`/campaigns/${id}/start`, { overrides });
    const startMs = Date.now() - startedAt;
    const enqueued = await api.poll<Campaign>(
      `/campaigns/${id}`,
      ({ enqueueProgress, counts }) => enqueueProgress === 1 && counts.delivered > 0,
      { everyMs: 25 },
    );
    const seconds = (Date.now() - startedAt) / 1000;
    const peak = memory.stop();
    await api.post(`/campaigns/${id}/cancel`);
    if (enqueued.counts.recipients !== audience.recipients) {
      throw new Error(`${enqueued.counts.recipients} of ${audience.recipients} recipients were enqueued`);
    }
    return {
      rowsPerSec: Math.round(enqueued.counts.recipients / seconds),
      firstMailMs: firstDelivery() - startedAt,
      recipients: enqueued.counts.recipients,
      seconds: Number(seconds.toFixed(1)),
      sentMeanwhile: enqueued.counts.delivered,
      startMs,
      audienceMs: Math.round(audienceMs),
      serverRssMB: peak.parentMB,
      mtaRssMB: peak.childrenMB,
    };
  } catch (error) {
    console.error(appliance.lastLines());
    throw error;
  } finally {
    await appliance.stop();
  }
}

function firstDelivery(): number {
  const db = new Sqlite(join(dataDir, 'spool.db'), { readonly: true });
  try {
    return db.prepare(`SELECT min(at) FROM ledger WHERE kind = 'delivered'`).pluck().get() as number;
  } finally {
    db.close();
  }
}

/** Straight into the file: how fast an import is, its own bench says. One in a hundred is suppressed, one in a hundred left. */
function fillDatabase(): number {
  migrate(dataDir);
  const { $client: db } = openDb(dataDir);
  db.pragma('synchronous = OFF');
  const listId = Number(db.prepare(`INSERT INTO lists (name) VALUES ('bench')`).run().lastInsertRowid);
  db.exec(
    `INSERT INTO attributes (key, label, type) VALUES ('company', '会社名', 'text'), ('points', 'ポイント', 'number')`,
  );
  const addPerson = db.prepare(
    'INSERT INTO subscribers (email, email_key, name, attributes) VALUES (?, ?, ?, ?)',
  );
  const addMember = db.prepare(
    `INSERT INTO memberships (list_id, subscriber_id, state, source, created_at) VALUES (?, ?, ?, 'import:1', 1)`,
  );
  const suppress = db.prepare(
    `INSERT INTO suppressions (email_key, email, reason, scope, origin) VALUES (?, ?, 'unknown-user', 'all', 'bounce')`,
  );
  db.transaction(() => {
    for (let i = 1; i <= count; i += 1) {
      const email = `r${i}@d${i % DOMAINS}.example.jp`;
      const attributes = JSON.stringify({ company: `${i % 1000}商事株式会社`, points: i % 5000 });
      const { lastInsertRowid } = addPerson.run(email, email, `佐藤 ${i}`, attributes);
      addMember.run(listId, lastInsertRowid, i % 100 === 50 ? 'unsubscribed' : 'subscribed');
      if (i % 100 === 99) suppress.run(email, email);
    }
  })();
  db.close();
  return listId;
}
