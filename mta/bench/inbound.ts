/**
 * `npm run bench -- inbound [--count 5000] [--sessions 20]`: a campaign is sent to smtp-sink, then every mail of it comes back as a DSN
 * over SMTP, all at once, into the real appliance: taken (durable before 250), read, written into the ledger, folded into the campaign's
 * numbers and the suppression list. Beside it, in the same run: mailparser alone over the same mails, in one thread.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Sqlite from 'better-sqlite3';
import { simpleParser } from 'mailparser';
import nodemailer from 'nodemailer';
import { Api } from '../../scripts/api.ts';
import { startAppliance } from '../../scripts/appliance.ts';
import { readMail } from '../inbound/read/read.ts';
import { verpAddress } from '../message/verp.ts';
import { dsn } from '../test/inbound-samples.ts';
import type { DeliverySettings, LedgerRow } from '../types.ts';
import { prepareCampaign, startCampaign } from './lib/campaign.ts';
import { watchMemory } from './lib/memory.ts';
import { childrenOf, watchCpu } from './lib/processes.ts';
import { startSink } from './lib/sinks.ts';

const { values } = parseArgs({
  options: { count: { type: 'string', default: '5000' }, sessions: { type: 'string', default: '20' } },
});
const count = Number(values.count);
const sessions = Number(values.sessions);
const LOGIN = { email: 'bench@example.jp', password: 'bench-password' };

interface Bounce {
  to: string;
  raw: string;
}

const dataDir = mkdtempSync(join(tmpdir(), 'todoke-bench-'));
const sink = await startSink(false);
const appliance = await startAppliance({ dataDir, delivery: 'live', ...LOGIN });
try {
  const api = new Api(appliance.adminUrl);
  await api.login(LOGIN.email, LOGIN.password);
  const { id } = await prepareCampaign(api, {
    relay: { host: '127.0.0.1', port: sink.port, tls: 'none', connections: 20 },
    count,
    targetBytes: 4096,
  });
  await startCampaign(api, id);
  await untilBounced(api, id, 'delivered');

  const bounces = bouncesOf();
  const memory = watchMemory(appliance.pid);
  const cpu = watchCpu({ server: appliance.pid, mta: childrenOf(appliance.pid)[0]! });
  const startedAt = performance.now();
  await bringAll(bounces);
  const takenSeconds = (performance.now() - startedAt) / 1000;
  await untilBounced(api, id, 'bounced');
  const seconds = (performance.now() - startedAt) / 1000;
  const { perUnit } = cpu.stop(count);
  const peak = memory.stop();
  const parserSeconds = await mailparserAlone(bounces);
  console.log(
    JSON.stringify({
      bench: 'inbound',
      perSec: Math.round(count / seconds),
      takenPerSec: Math.round(count / takenSeconds),
      mailparserPerSec: Math.round(count / parserSeconds),
      readPerSec: Math.round(count / readAlone(bounces)),
      count,
      bytes: Math.round(bounces.reduce((sum, { raw }) => sum + raw.length, 0) / count),
      cpuMicros: perUnit,
      peakRssMB: peak.totalMB,
    }),
  );
} catch (error) {
  console.error(appliance.lastLines());
  throw error;
} finally {
  await appliance.stop();
  await sink.stop();
  rmSync(dataDir, { recursive: true });
}

async function untilBounced(api: Api, id: number, what: 'delivered' | 'bounced'): Promise<void> {
  await api.poll<{ counts: Record<string, number> }>(
    `/campaigns/${id}`,
    ({ counts }) => counts[what] === count,
    { everyMs: 50 },
  );
}

/** One for each delivered mail, as Postfix would write it. */
function bouncesOf(): Bounce[] {
  const db = new Sqlite(join(dataDir, 'spool.db'), { readonly: true });
  const settings = db.prepare(`SELECT value FROM meta WHERE key = 'settings'`).pluck().get() as string;
  const { tokenKey } = JSON.parse(settings) as DeliverySettings;
  const rows = db
    .prepare(
      `SELECT job_id AS jobId, delivery_id AS deliveryId, subscriber_id AS subscriberId, list_id AS listId, recipient
       FROM ledger WHERE kind = 'delivered'`,
    )
    .all() as Pick<LedgerRow, 'jobId' | 'deliveryId' | 'subscriberId' | 'listId' | 'recipient'>[];
  db.close();
  return rows.map(({ recipient, ...ids }) => {
    const to = verpAddress(tokenKey, ids, 'bounce.bench.example.jp');
    const head = `Return-Path: <${to}>\r\nFrom: news@bench.example.jp\r\nTo: ${recipient}\r\nSubject: =?utf-8?B?5paw57Gz?=\r\n\r\n`;
    return { to, raw: dsn({ mailFrom: to, rcptTo: recipient, raw: head }) };
  });
}

/** Over so many sessions that stay open, as a relay sends them back. */
async function bringAll(bounces: readonly Bounce[]): Promise<void> {
  const { inbound } = JSON.parse(readFileSync(join(dataDir, 'ports.json'), 'utf8')) as { inbound: number };
  const transport = nodemailer.createTransport({
    pool: true,
    host: '127.0.0.1',
    port: inbound,
    ignoreTLS: true,
    maxConnections: sessions,
    maxMessages: Number.POSITIVE_INFINITY,
  });
  await Promise.all(
    bounces.map(({ to, raw }) => transport.sendMail({ envelope: { from: '', to: [to] }, raw })),
  );
  transport.close();
}

async function mailparserAlone(bounces: readonly Bounce[]): Promise<number> {
  const startedAt = performance.now();
  for (const { raw } of bounces) await simpleParser(raw);
  return (performance.now() - startedAt) / 1000;
}

/** Our reader alone, which also understands them. */
function readAlone(bounces: readonly Bounce[]): number {
  const startedAt = performance.now();
  for (const { raw } of bounces) readMail(Buffer.from(raw, 'latin1'));
  return (performance.now() - startedAt) / 1000;
}
