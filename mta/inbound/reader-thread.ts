/** The thread that reads: beside the sender, and behind it when processor time is scarce. */
import { setPriority } from 'node:os';
import { setImmediate as breathe } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { openSpoolDb } from '../spool/open.ts';
import { Returned } from '../spool/returned.ts';
import { trimHeap } from '../trim-heap.ts';
import { openInboundFile } from './file.ts';
import { KEPT_BYTES, KEPT_FOR } from './limits.ts';
import { InboundMailbox } from './mailbox.ts';
import type { FromReader, ReaderData, ToReader } from './protocol.ts';
import type { MailKind } from './read/types.ts';
import { Reader } from './reader.ts';

/** A niceness, on Linux of this thread alone: low enough to give way, high enough not to hold the spool's lock for long. */
const NICENESS = 5;
/** ms between two looks when nobody says that there is something; while a delivery's outcome is awaited; after a failure */
const HEARTBEAT = 2000;
const WAITING = 50;
const AFTER_FAILURE = 1000;
const PRUNE_EVERY = 60_000;

const parent = parentPort!;
const data = workerData as ReaderData;
const post = (message: FromReader): void => parent.postMessage(message);
try {
  setPriority(NICENESS);
} catch {
  // Not allowed here: it reads all the same.
}

const inbound = openInboundFile(data.dataDir);
const spool = openSpoolDb(data.dataDir);
const mailbox = new InboundMailbox(inbound);
const returned = new Returned(spool);
let { tokenKey } = data;
const reader = new Reader({ mailbox, returned, tokenKey: () => tokenKey, careful: data.careful });

let timer: NodeJS.Timeout | undefined;
let running: Promise<void> | undefined;
let again = false;
let stopped = false;

function wake(): void {
  clearTimeout(timer);
  again = true;
  running ??= run().finally(() => {
    running = undefined;
  });
}

async function run(): Promise<void> {
  let rest = HEARTBEAT;
  try {
    while (!stopped) {
      again = false;
      post({ type: 'busy' });
      const result = reader.batch();
      if (result.state === 'read')
        post({ type: 'read', kinds: count(result.kinds), ledgerId: result.ledgerId });
      await breathe();
      if (result.state === 'waiting') rest = WAITING;
      if (result.state !== 'read' && !again) break;
    }
  } catch (error) {
    // A full disk or a locked file passes; nothing was lost, as the cursor has not moved.
    post({ type: 'failed', message: (error as Error).message });
    rest = AFTER_FAILURE;
  }
  post({ type: 'rests' });
  if (!stopped) timer = setTimeout(wake, rest);
}

function count(kinds: readonly MailKind[]): Partial<Record<MailKind, number>> {
  const counts: Partial<Record<MailKind, number>> = {};
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

async function prune(): Promise<void> {
  try {
    while (!stopped && mailbox.prune(returned.cursor(), Date.now() - KEPT_FOR, KEPT_BYTES)) await breathe();
  } catch (error) {
    post({ type: 'failed', message: (error as Error).message });
  }
}
const pruning = setInterval(() => void prune(), PRUNE_EVERY);

parent.on('message', async (message: ToReader) => {
  if (message.type === 'token-key') tokenKey = message.tokenKey;
  if (message.type === 'read') wake();
  if (message.type !== 'stop') return;
  stopped = true;
  clearTimeout(timer);
  clearInterval(pruning);
  await running;
  inbound.close();
  spool.close();
  parent.close();
});
trimHeap();
wake();
