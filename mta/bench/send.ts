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
import { prepareCampaign, startCampaign } from './lib/campaign.ts';
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
    const { id, bytes } = await prepareCampaign(api, {
      relay: { host: '127.0.0.1', port: sink.port, tls: values.starttls ? 'required' : 'none', connections },
      count,
      targetBytes,
    });

    const memory = watchMemory(appliance.pid);
    const cpu = watchCpu({ server: appliance.pid, mta: childrenOf(appliance.pid)[0]!, sink: sink.pid });
    const startedAt = performance.now();
    await startCampaign(api, id);
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
