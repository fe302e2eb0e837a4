/**
 * `npm run bench -- api-under-load [--count 100000] [--rounds 100]`: how long the admin API takes to answer while a campaign is
 * sent flat out, beside the same requests with nothing to send. One request after the other, as a person works.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Api } from '../../scripts/api.ts';
import { startAppliance } from '../../scripts/appliance.ts';
import { prepareCampaign, startCampaign } from './lib/campaign.ts';
import { quantile } from './lib/quantile.ts';
import { startSink } from './lib/sinks.ts';

const { values } = parseArgs({
  options: { count: { type: 'string', default: '100000' }, rounds: { type: 'string', default: '100' } },
});
const count = Number(values.count);
const LOGIN = { email: 'bench@example.jp', password: 'bench-password' };

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
  await ask(api, id, 10);
  const idle = await ask(api, id, Number(values.rounds));
  await startCampaign(api, id);
  const startedAt = performance.now();
  const state = () => api.get<{ state: string; counts: { delivered: number } }>(`/campaigns/${id}`);
  const busy = await ask(api, id, Number(values.rounds));
  const { state: now, counts } = await state();
  if (now !== 'sending') throw new Error('The campaign ended before the measurement: give a larger --count');
  const perSec = Math.round(counts.delivered / ((performance.now() - startedAt) / 1000));
  for (const path of [...idle.keys(), 'all']) {
    const of = (times: Map<string, number[]>): number[] =>
      path === 'all' ? [...times.values()].flat() : times.get(path)!;
    const [quiet, loaded] = [of(idle), of(busy)];
    console.log(
      JSON.stringify({
        bench: 'api-under-load',
        path,
        p50Ms: round(quantile(loaded, 0.5)),
        p99Ms: round(quantile(loaded, 0.99)),
        idleP50Ms: round(quantile(quiet, 0.5)),
        idleP99Ms: round(quantile(quiet, 0.99)),
        requests: loaded.length,
        sentPerSec: perSec,
      }),
    );
  }
} catch (error) {
  console.error(appliance.lastLines());
  throw error;
} finally {
  await appliance.stop();
  await sink.stop();
  rmSync(dataDir, { recursive: true });
}

/** ms of each request by what was asked. */
async function ask(api: Api, campaignId: number, rounds: number): Promise<Map<string, number[]>> {
  const times = new Map<string, number[]>();
  for (let n = 0; n < rounds; n += 1) {
    const asked: [string, string][] = [
      ['GET /campaigns', '/campaigns'],
      ['GET /campaigns/:id', `/campaigns/${campaignId}`],
      ['GET /campaigns/:id/report', `/campaigns/${campaignId}/report`],
      ['GET /queues', '/queues'],
      ['GET /subscribers', '/subscribers'],
      ['GET /subscribers?q=', `/subscribers?q=r${n}`],
      ['GET /search?q=', `/search?q=r${n}`],
      ['GET /deliveries', '/deliveries'],
      ['GET /lists', '/lists'],
    ];
    for (const [name, path] of asked) {
      const startedAt = performance.now();
      await api.text(path);
      const found = times.get(name);
      if (found) found.push(performance.now() - startedAt);
      else times.set(name, [performance.now() - startedAt]);
    }
  }
  return times;
}

function round(ms: number): number {
  return Number(ms.toFixed(1));
}
