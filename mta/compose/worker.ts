/** A composing thread: takes batches of rows, answers finished mails. See pool.ts. */
import { parentPort } from 'node:worker_threads';
import { ByteWriter } from '../message/encode.ts';
import { parseMerge } from '../spool/claim.ts';
import { Composing, UnfitContent } from './compose.ts';
import {
  FAILED,
  type FromComposer,
  type PackedRows,
  ROW_FIELDS,
  type ToComposer,
  UNFIT,
} from './protocol.ts';

/** Mails go back when they have so many bytes together: large ones need not wait for a whole batch, nor be in memory twice. */
const ANSWER_BYTES = 512 * 1024;

const port = parentPort!;
const composing = new Composing();
const out = new ByteWriter();
let mails: FromComposer['mails'] = [];

function composeBatch(rows: PackedRows): void {
  for (let at = 0; at < rows.length; at += ROW_FIELDS) {
    compose(rows, at);
    if (out.length >= ANSWER_BYTES) answer();
  }
  if (mails.length > 0) answer();
}

function compose(rows: PackedRows, at: number): void {
  const [jobId, deliveryId, subscriberId, listId, createdAt, address, merge] = rows.slice(
    at,
    at + ROW_FIELDS,
  ) as [...[number, number, number, number, number], ...[string, string]];
  const start = out.length;
  try {
    const row = { deliveryId, subscriberId, listId, address, merge: parseMerge(merge), createdAt };
    const { mailFrom, rcptTo } = composing.compose(jobId, row, out);
    mails.push(mailFrom, rcptTo, out.length - start);
  } catch (error) {
    out.length = start;
    mails.push(String((error as Error).message ?? error), '', error instanceof UnfitContent ? UNFIT : FAILED);
  }
}

function answer(): void {
  const bytes = out.take();
  const message: FromComposer = { mails, bytes };
  mails = [];
  port.postMessage(message, [bytes]);
}

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
