/** The background thread: see jobs.ts. Each kind of job is a function that works in small chunks and yields between them. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import type { Spool, ToMta } from '../mta/index.ts';
import { openSpool, trimHeap } from '../mta/index.ts';
import { runImport } from './audience/imports/run.ts';
import { runEnqueue } from './campaigns/enqueue.ts';
import { Fold } from './campaigns/fold.ts';
import { openDb } from './db/open.ts';
import type { Db } from './deps.ts';
import type { LiveEvent } from './events.ts';
import type { FromWorker, JobRef, ToWorker } from './jobs.ts';
import { WebhookSender } from './webhooks/sender.ts';

export interface WorkerContext {
  dataDir: string;
  db: Db;
  spool: Spool;
  /** aborted by a cancel or by the stop of the process (reason 'cancel' or 'stop') */
  signal: AbortSignal;
  live(event: LiveEvent): void;
  mta(message: ToMta): void;
  /** Tells of a failure that will be tried again. */
  failed(error: unknown): void;
  /** Call between chunks: lets other jobs, and writers of the main thread, have their turn. */
  breathe(): Promise<void>;
}

/** ms before a job that failed is tried again, doubling up to the cap */
const RETRY_FIRST = 1000;
const RETRY_CAP = 60_000;

const port = parentPort!;
const { dataDir } = workerData as { dataDir: string };
const post = (message: FromWorker): void => port.postMessage(message);
const db = openDb(dataDir);
const spool = openSpool(dataDir);
const running = new Map<string, AbortController>();
const pending = new Set<Promise<void>>();
const handlers: Record<JobRef['kind'], (context: WorkerContext, id: number) => Promise<void>> = {
  import: runImport,
  enqueue: runEnqueue,
  webhook: async (_, id) => webhooks.changed(id),
};

const context = (signal: AbortSignal): WorkerContext => ({
  dataDir,
  db,
  spool,
  signal,
  live: (event) => post({ type: 'live', event }),
  mta: (message) => post({ type: 'mta', message }),
  failed: (error) => post({ type: 'job-failed', job: null, error: String((error as Error)?.stack ?? error) }),
  breathe: () => nextTurn(),
});

const foldAbort = new AbortController();
const fold = new Fold(context(foldAbort.signal));
const webhooks = new WebhookSender(context(foldAbort.signal));

function run(job: JobRef): void {
  const key = `${job.kind}:${job.id}`;
  if (running.has(key)) return;
  const abort = new AbortController();
  running.set(key, abort);
  const done = persist(job, abort.signal).finally(() => {
    running.delete(key);
    pending.delete(done);
    // What reading a file has left would lie there while mail is sent.
    if (job.kind === 'import') trimHeap();
  });
  pending.add(done);
}

/**
 * Until it is done: a full disk or a lock held too long passes, and a campaign must not stand still until somebody
 * starts the process again. A job that has ended as failed by itself returns at once the second time.
 */
async function persist(job: JobRef, signal: AbortSignal): Promise<void> {
  for (let wait = RETRY_FIRST; !signal.aborted; wait = Math.min(RETRY_CAP, wait * 2)) {
    try {
      return await handlers[job.kind](context(signal), job.id);
    } catch (error) {
      post({ type: 'job-failed', job, error: String((error as Error)?.stack ?? error) });
    }
    await sleep(wait, undefined, { signal }).catch(() => undefined);
  }
}

async function stop(): Promise<void> {
  for (const abort of running.values()) abort.abort('stop');
  foldAbort.abort('stop');
  await Promise.allSettled([...pending, fold.stop(), webhooks.stop()]);
  spool.close();
  db.$client.close();
  port.close();
}

port.on('message', (message: ToWorker) => {
  if (message.type === 'run') run(message.job);
  else if (message.type === 'cancel') running.get(`${message.job.kind}:${message.job.id}`)?.abort('cancel');
  else if (message.type === 'ledger') {
    fold.wake();
    webhooks.wake();
  } else void stop();
});
trimHeap();
fold.wake();
webhooks.changed();
