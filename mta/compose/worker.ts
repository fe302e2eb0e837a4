/** A composing thread: takes batches of rows, answers finished mails. See pool.ts. */
import { parentPort } from 'node:worker_threads';
import { ByteWriter } from '../message/encode.ts';
import { parseMerge } from '../spool/claim.ts';
import { trimHeap } from '../trim-heap.ts';
import { Composing, type Unsigned } from './compose.ts';
import {
  FAILED,
  type FromComposer,
  type PackedRows,
  ROW_FIELDS,
  type ToComposer,
  UNFIT,
} from './protocol.ts';
import { UnfitContent } from './unfit.ts';

/** Mails go back when they have so many bytes together: large ones need not wait for a whole batch, nor be in memory twice. */
const ANSWER_BYTES = 512 * 1024;

const port = parentPort!;
const composing = new Composing();
const out = new ByteWriter();
let mails: FromComposer['mails'] = [];

/** All are rendered, then all are signed: the code and the tables of each stay in the core's caches. */
function composeBatch(rows: PackedRows): void {
  const unsigned: (Unsigned | Failure)[] = [];
  for (let at = 0; at < rows.length; at += ROW_FIELDS) unsigned.push(attempt(() => render(rows, at)));
  for (const each of unsigned) {
    const start = out.length;
    const failure = each instanceof Failure ? each : attempt(() => composing.sign(each, out));
    if (failure instanceof Failure) {
      out.length = start;
      mails.push(failure.text, '', failure.code);
    } else {
      const { mailFrom, rcptTo } = (each as Unsigned).rendered;
      mails.push(mailFrom, rcptTo, out.length - start);
    }
    if (out.length >= ANSWER_BYTES) answer();
  }
  if (mails.length > 0) answer();
  composing.reset();
}

class Failure {
  readonly text: string;
  readonly code: number;
  constructor(error: unknown) {
    this.text = String((error as Error)?.message ?? error);
    this.code = error instanceof UnfitContent ? UNFIT : FAILED;
  }
}

function attempt<T>(work: () => T): T | Failure {
  try {
    return work();
  } catch (error) {
    return new Failure(error);
  }
}

function render(rows: PackedRows, at: number): Unsigned {
  const [jobId, deliveryId, subscriberId, listId, createdAt, address, merge] = rows.slice(
    at,
    at + ROW_FIELDS,
  ) as [...[number, number, number, number, number], ...[string, string]];
  const row = { deliveryId, subscriberId, listId, address, merge: parseMerge(merge), createdAt };
  return composing.render(jobId, row);
}

function answer(): void {
  const bytes = out.take();
  const message: FromComposer = { mails, bytes };
  mails = [];
  port.postMessage(message, [bytes]);
}

trimHeap();

port.on('message', (message: ToComposer) => {
  switch (message.type) {
    case 'settings':
      composing.use(message.settings);
      break;
    case 'job':
      composing.add(message.job);
      break;
    case 'forget':
      composing.forget(message.jobId);
      break;
    case 'batch':
      composeBatch(message.rows);
      break;
  }
});
