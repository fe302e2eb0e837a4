/**
 * `npm run bench -- send [--count 50000] [--size 4k] [--connections 20] [--starttls] [--postfix 5000]`: the real appliance
 * sends a personalised campaign (text and HTML, four rewritten links, open pixel, RSA-2048 DKIM, synced ledger) over a route to
 * smtp-sink, beside the limit of a bare client that sends equally big signed mails to the same sink in the same run. With
 * `--starttls` both speak TLS to a sink of our own. Where Postfix is installed, it relays `--postfix` mails of that size to
 * the same sink, unsigned (0: not measured).
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import Sqlite from 'better-sqlite3';
import { Api } from '../../scripts/api.ts';
import { startAppliance } from '../../scripts/appliance.ts';
import { watchMemory } from './lib/memory.ts';
import { measurePostfix, postfixInstalled } from './lib/postfix.ts';
import { childrenOf, cpuOf, watchCpu } from './lib/processes.ts';
import { startSink } from './lib/sinks.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '50000' },
    size: { type: 'string', default: '4k' },
    connections: { type: 'string', default: '20' },
    starttls: { type: 'boolean', default: false },
    postfix: { type: 'string', default: '5000' },
  },
});
const count = Number(values.count);
const connections = Number(values.connections);
const targetBytes = Number(values.size.replace(/k$/i, '')) * (/k$/i.test(values.size) ? 1024 : 1);
const LOGIN = { email: 'bench@example.jp', password: 'bench-password' };
const DOMAINS = Array.from({ length: 20 }, (_, i) => `d${i}.example.jp`);
const LINKS = ['rice', 'chestnut', 'oyster', 'members'].map(
  (page) => `https://www.example.jp/${page}?utm_source=mail`,
);
const SENTENCE = '今年の夏は日照に恵まれ、粒のそろった甘みのある米に育ちました。';

const dataDir = mkdtempSync(join(tmpdir(), 'todoke-bench-'));
const sink = await startSink(values.starttls);
try {
  const sent = await sendCampaign();
  const limit = await measureLimit(sent.bytes);
  const limitPerSec = count / limit.seconds;
  const perSec = count / sent.seconds;
  const postfixCount = values.starttls ? 0 : Number(values.postfix);
  const postfixPerSec =
    postfixCount > 0 && postfixInstalled()
      ? Math.round(
          await measurePostfix({ sinkPort: sink.port, count: postfixCount, bytes: sent.bytes, connections }),
        )
      : null;
  console.log(
    JSON.stringify({
      bench: values.starttls ? 'send --starttls' : 'send',
      perSec: Math.round(perSec),
      limitPerSec: Math.round(limitPerSec),
      ratio: Number((perSec / limitPerSec).toFixed(3)),
      postfixPerSec,
      peakRssMB: sent.memory.totalMB,
      count,
      bytes: sent.bytes,
      sendPerSec: Math.round(sent.sendPerSec),
      serverRssMB: sent.memory.parentMB,
      mtaRssMB: sent.memory.childrenMB,
      // of processor time: what the ratio would be if nothing ever waited
      cpuRatio: Number((limit.cpuMicros.total / sent.cpu.perUnit.total!).toFixed(3)),
      cpuMicros: sent.cpu.perUnit,
      limitCpuMicros: limit.cpuMicros,
      threads: sent.cpu.threads,
    }),
  );
} finally {
  await sink.stop();
  rmSync(dataDir, { recursive: true });
}

async function sendCampaign() {
  const appliance = await startAppliance({ dataDir, delivery: 'live', ...LOGIN });
  try {
    const api = new Api(appliance.adminUrl);
    await api.login(LOGIN.email, LOGIN.password);
    await api.post('/sending-domains', { domain: 'bench.example.jp' });
    await api.post('/routes', {
      match: '*',
      relay: [
        { host: '127.0.0.1', port: sink.port, tls: values.starttls ? 'required' : 'none', connections },
      ],
    });
    await api.post('/attributes', { key: 'company', label: '会社名', type: 'text' });
    const list = await api.post<{ id: number }>('/lists', { name: 'bench' });
    await importRecipients(api, list.id);
    const { id, bytes } = await writeCampaign(api, list.id);

    const memory = watchMemory(appliance.pid);
    const cpu = watchCpu({ server: appliance.pid, mta: childrenOf(appliance.pid)[0]!, sink: sink.pid });
    const startedAt = performance.now();
    await api.post(`/campaigns/${id}/start`, {
      overrides: [{ code: 'public-url-local', reason: 'bench on loopback' }],
    });
    const campaign = await api.poll<{ state: string; counts: { delivered: number } }>(
      `/campaigns/${id}`,
      ({ state }) => state !== 'sending',
      { everyMs: 100 },
    );
    const seconds = (performance.now() - startedAt) / 1000;
    if (campaign.state !== 'finished' || campaign.counts.delivered !== count) {
      throw new Error(
        `The campaign is ${campaign.state} with ${campaign.counts.delivered} of ${count} delivered`,
      );
    }
    return { seconds, bytes, memory: memory.stop(), cpu: cpu.stop(count), sendPerSec: ledgerRate() };
  } catch (error) {
    console.error(appliance.lastLines());
    throw error;
  } finally {
    await appliance.stop();
  }
}

async function importRecipients(api: Api, listId: number): Promise<void> {
  const rows = Array.from(
    { length: count },
    (_, i) => `r${i}@${DOMAINS[i % DOMAINS.length]},佐藤 ${i},${i}商事株式会社`,
  );
  const file = new File([`email,name,company\n${rows.join('\n')}\n`], 'bench.csv', { type: 'text/csv' });
  const mapping = JSON.stringify(['email', 'name', 'company']);
  const { id } = await api.upload<{ id: number }>('/imports', { listId: String(listId), mapping }, file);
  const done = await api.poll<{ state: string; created: number }>(
    `/imports/${id}`,
    ({ state }) => !['queued', 'running'].includes(state),
  );
  if (done.created !== count)
    throw new Error(`The import is ${done.state} with ${done.created} of ${count} people`);
}

/** The filler is set by what the preview measures, so that the mail on the wire has the size that was asked for. */
async function writeCampaign(api: Api, listId: number): Promise<{ id: number; bytes: number }> {
  const content = (sentences: number) => ({
    subject: '{{ name }} 様へ新米のご案内',
    html: html(sentences),
    text: text(),
  });
  const { id } = await api.post<{ id: number }>('/campaigns', {
    name: 'bench',
    from: { name: 'みのり市場', address: 'news@bench.example.jp' },
    listIds: [listId],
    ...content(0),
  });
  const size = async (sentences: number) =>
    (await api.post<{ size: number }>(`/campaigns/${id}/preview`, content(sentences))).size;
  const empty = await size(0);
  const each = ((await size(100)) - empty) / 100;
  const sentences = Math.max(0, Math.round((targetBytes - empty) / each));
  await api.patch(`/campaigns/${id}`, content(sentences));
  return { id, bytes: await size(sentences) };
}

function html(sentences: number): string {
  const links = LINKS.map((url) => `<p><a href="${url}">くわしく見る</a></p>`).join('\n');
  const filler = Array.from({ length: sentences }, () => `<p>${SENTENCE}</p>`).join('\n');
  return `<html><body><p>{{ company }}<br>{{ name }} 様</p>\n${links}\n${filler}\n<p><a href="{{ unsubscribe_url }}">配信停止</a></p></body></html>`;
}

function text(): string {
  return `{{ company }}\n{{ name }} 様\n\n新米のご案内です。\n\n配信停止: {{ unsubscribe_url }}\n`;
}

/** Between the first and the last settled mail: without freezing the audience and noticing the end. */
function ledgerRate(): number {
  const db = new Sqlite(join(dataDir, 'spool.db'), { readonly: true });
  const { first, last } = db
    .prepare(`SELECT min(at) AS first, max(at) AS last FROM ledger WHERE kind = 'delivered'`)
    .get() as {
    first: number;
    last: number;
  };
  db.close();
  return count / (Math.max(1, last - first) / 1000);
}

async function measureLimit(
  bytes: number,
): Promise<{ seconds: number; cpuMicros: { client: number; sink: number; total: number } }> {
  const program = fileURLToPath(new URL('./lib/limit-client.ts', import.meta.url));
  const before = cpuOf(sink.pid);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [program, ...[sink.port, count, bytes, connections, values.starttls ? 'starttls' : 'clear'].map(String)],
    { env: { ...process.env, UV_THREADPOOL_SIZE: String(availableParallelism()) } },
  );
  const { seconds, cpuMicros } = JSON.parse(stdout) as { seconds: number; cpuMicros: number };
  const client = Math.round(cpuMicros / count);
  const sinkCpu = Math.round((cpuOf(sink.pid) - before) / count);
  return { seconds, cpuMicros: { client, sink: sinkCpu, total: client + sinkCpu } };
}
