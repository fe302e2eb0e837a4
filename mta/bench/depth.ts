/**
 * `npm run bench -- depth [--shallow 100000] [--deep 5000000] [--send 30000]`: what a mail costs when many are queued. At each
 * depth the queue is filled, then so many mails are sent from it to smtp-sink; the MTA alone, nobody reads beside it.
 */
import { parseArgs } from 'node:util';
import { benchContent, type Engine, startEngine } from './lib/engine.ts';
import { fillQueue } from './lib/fill.ts';
import { watchMemory } from './lib/memory.ts';
import { watchCpu } from './lib/processes.ts';
import { startSink } from './lib/sinks.ts';

const { values } = parseArgs({
  options: {
    shallow: { type: 'string', default: '100000' },
    deep: { type: 'string', default: '5000000' },
    send: { type: 'string', default: '30000' },
    domains: { type: 'string', default: '1000' },
  },
});
const send = Number(values.send);

const sink = await startSink(false);
try {
  const engine = await startEngine(sink.port);
  try {
    const shallow = await measure(engine, Number(values.shallow));
    const deep = await measure(engine, Number(values.deep));
    for (const figure of [shallow, deep]) console.log(JSON.stringify({ bench: 'depth', ...figure }));
    console.log(
      JSON.stringify({
        bench: 'depth',
        ratioCpu: Number((deep.cpuMicros / shallow.cpuMicros).toFixed(3)),
        ratioWall: Number((shallow.perSec / deep.perSec).toFixed(3)),
        rssMB: deep.rssMB,
      }),
    );
  } finally {
    await engine.close();
  }
} finally {
  await sink.stop();
}

async function measure(engine: Engine, depth: number) {
  const { spool, mta } = engine;
  spool.setStopped(true);
  mta.send({ type: 'settings' });
  const missing = depth - spool.queued();
  const jobId = spool.createJob({ ref: `depth:${depth}`, class: 'bulk', content: benchContent() });
  fillQueue(engine.dataDir, { jobId, rows: missing, domains: Number(values.domains) });
  const memory = watchMemory(mta.pid);
  // what was sent before is done with: only mails of this depth are counted
  const settled = (): number => [1, 2].reduce((sum, id) => sum + (spool.job(id)?.settled ?? 0), 0);
  const before = settled();
  spool.setStopped(false);
  mta.send({ type: 'settings' });
  mta.send({ type: 'wake', jobId });
  // The first thousand find the threads cold.
  await engine.until(() => settled() >= before + 2000);
  const from = settled();
  const startedAt = performance.now();
  const cpu = watchCpu({ mta: mta.pid, sink: sink.pid });
  await engine.until(() => settled() >= from + send);
  const seconds = (performance.now() - startedAt) / 1000;
  const sent = settled() - from;
  const use = cpu.stop(sent);
  spool.setStopped(true);
  mta.send({ type: 'settings' });
  return {
    depth: spool.queued() + sent,
    perSec: Math.round(sent / seconds),
    cpuMicros: use.perUnit.mta!,
    threads: use.threads,
    rssMB: memory.stop().totalMB,
  };
}
