/** For tests: an upload as a browser sends it, and the import run as the worker runs it. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { runImport } from '../audience/imports/run.ts';
import type { LiveEvent } from '../events.ts';
import type { WorkerContext } from '../worker.ts';
import type { Harness } from './harness.ts';
import { call } from './harness.ts';

/** Parts in the order given; `file` is the file. */
export async function upload(
  harness: Harness,
  url: string,
  headers: Record<string, string>,
  parts: [name: string, value: string | Uint8Array][],
  fileName = '名簿.csv',
) {
  const form = new FormData();
  for (const [name, value] of parts) {
    if (typeof value === 'string') form.append(name, value);
    else form.append(name, new Blob([Buffer.from(value)]), fileName);
  }
  const encoded = new Response(form);
  const body = Buffer.from(await encoded.arrayBuffer());
  return call(
    harness.admin,
    'POST',
    url,
    { ...headers, 'content-type': encoded.headers.get('content-type')! },
    body,
  );
}

export interface RunOptions {
  signal?: AbortSignal;
  /** after each transaction */
  breathe?: () => Promise<void> | void;
}

export async function run(
  { dataDir, db, deps }: Harness,
  id: number,
  options: RunOptions = {},
): Promise<LiveEvent[]> {
  const events: LiveEvent[] = [];
  const context: WorkerContext = {
    dataDir,
    db,
    spool: deps.spool,
    signal: options.signal ?? new AbortController().signal,
    live: (event) => void events.push(event),
    mta: () => {},
    failed: (error) => {
      throw error;
    },
    breathe: async () => {
      await options.breathe?.();
      await nextTurn();
    },
  };
  await runImport(context, id);
  return events;
}
