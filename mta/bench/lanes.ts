/**
 * `npm run bench -- lanes [--bulk 500000] [--mails 600] [--rate 20]`: how long a single mail takes from its acceptance to the remote
 * 250, with nothing else queued and while a great campaign is sent flat out by the same MTA to the same host. The bench
 * stands in for the API: a job, a row, a wake for each mail.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { benchContent, type Engine, startEngine } from './lib/engine.ts';
import { fillQueue } from './lib/fill.ts';
import { quantile } from './lib/quantile.ts';
import { startSink } from './lib/sinks.ts';

const { values } = parseArgs({
  options: {
    bulk: { type: 'string', default: '500000' },
    mails: { type: 'string', default: '600' },
    rate: { type: 'string', default: '20' },
  },
});
const mails = Number(values.mails);
const everyMs = 1000 / Number(values.rate);
const bulk = Number(values.bulk);

const sink = await startSink(false);
try {
  const engine = await startEngine(sink.port);
  try {
    // The first ones find everything cold.
    await transactional(engine, 'warm', 40);
    const idle = await transactional(engine, 'idle', mails);
    const { spool, mta } = engine;
    const jobId = spool.createJob({ ref: 'bulk', class: 'bulk', content: benchContent() });
    fillQueue(engine.dataDir, { jobId, rows: bulk, domains: 1000 });
    mta.send({ type: 'wake', jobId });
    await engine.until(() => spool.job(jobId)!.settled >= 2000);
    const from = spool.job(jobId)!.settled;
    const startedAt = performance.now();
    const busy = await transactional(engine, 'busy', mails);
    const seconds = (performance.now() - startedAt) / 1000;
    const job = spool.job(jobId)!;
    if (job.settled >= bulk)
      throw new Error('The campaign ended before the measurement: give a larger --bulk');
    console.log(
      JSON.stringify({
        bench: 'lanes',
        p50Ms: quantile(busy, 0.5),
        p99Ms: quantile(busy, 0.99),
        maxMs: Math.max(...busy),
        idleP50Ms: quantile(idle, 0.5),
        idleP99Ms: quantile(idle, 0.99),
        mails,
        bulkPerSec: Math.round((job.settled - from) / seconds),
        bulkQueued: job.enqueued - from,
      }),
    );
    // A drain would wait for nothing, but half a million rows need not be sent.
    spool.setStopped(true);
    mta.send({ type: 'settings' });
  } finally {
    await engine.close();
  }
} finally {
  await sink.stop();
}

/** ms from just before each mail was accepted to its remote 250, as the ledger has it. */
async function transactional({ spool, mta, until }: Engine, name: string, count: number): Promise<number[]> {
  const content = { ...benchContent('ご注文ありがとうございます'), list: undefined };
  const asked: { jobId: number; at: number }[] = [];
  const startedAt = performance.now();
  for (let n = 0; n < count; n += 1) {
    await sleep(Math.max(0, startedAt + n * everyMs - performance.now()));
    const at = Date.now();
    const jobId = spool.createJob({ ref: `${name}:${n}`, class: 'transactional', content });
    const row = {
      address: `buyer${n}@d${n % 50}.example.jp`,
      subscriberId: 0,
      listId: 0,
      merge: { name: '佐藤', company: '商事' },
    };
    spool.enqueue(jobId, { from: 0, to: 1, rows: [row] });
    spool.seal(jobId);
    mta.send({ type: 'wake', jobId });
    asked.push({ jobId, at });
  }
  await until(() => asked.every(({ jobId }) => spool.job(jobId)!.settled === 1));
  return asked.map(({ jobId, at }) => {
    const [row] = spool.searchLedger({ jobId }, undefined, 1);
    if (row?.kind !== 'delivered') throw new Error(`A mail was not delivered: ${JSON.stringify(row)}`);
    return row.at - at;
  });
}
