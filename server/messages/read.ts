/** Messages as they are told: what was accepted from todoke.db, what became of it from the ledger. */
import type { JobState, LedgerRow, Spool } from '../../mta/index.ts';
import { attemptOf } from '../delivery/deliveries.ts';
import { cutPage } from '../delivery/page.ts';
import type { Db, Deps } from '../deps.ts';
import { AppError } from '../errors.ts';
import { readCursor } from '../http/paging.ts';
import { iso, isoOrNull } from '../schemas.ts';
import { addressKey } from '../suppression/suppress.ts';
import { messageRef } from './accept.ts';
import type { Message, MessageSummary } from './schemas.ts';
import { recipientStates } from './state.ts';

interface Row {
  id: number;
  via: 'api' | 'smtp';
  fromName: string;
  fromAddress: string;
  subject: string;
  tags: string;
  templateId: number | null;
  links: string;
  sendAt: number | null;
  createdAt: number;
}

const COLUMNS = `m.id, m.via, m.from_name AS fromName, m.from_address AS fromAddress, m.subject, m.tags,
  m.template_id AS templateId, m.links, m.send_at AS sendAt, m.created_at AS createdAt`;
/** Ledger rows of one message that are looked at: somebody may open it every minute for a year. */
const MAX_EVENTS = 1000;

/** Newest first. `recipient`: the whole address; `tag`: one of its tags. */
export function listMessages(
  { db, spool }: Pick<Deps, 'db' | 'spool'>,
  query: { limit?: number; cursor?: string; recipient?: string; tag?: string },
): { items: MessageSummary[]; nextCursor: string | null } {
  const limit = query.limit ?? 50;
  const where = ['m.id < ?'];
  const values: (string | number)[] = [readCursor(query.cursor) ?? Number.MAX_SAFE_INTEGER];
  if (query.recipient?.trim()) {
    where.push('m.id IN (SELECT message_id FROM message_recipients WHERE address_key = ?)');
    values.push(addressKey(query.recipient));
  }
  if (query.tag) {
    where.push('EXISTS (SELECT 1 FROM json_each(m.tags) WHERE value = ?)');
    values.push(query.tag);
  }
  const rows = db.$client
    .prepare(`SELECT ${COLUMNS} FROM messages m WHERE ${where.join(' AND ')} ORDER BY m.id DESC LIMIT ?`)
    .all(...values, limit + 1) as Row[];
  const page = cutPage(rows, limit);
  return { ...page, items: page.items.map((row) => summary(db, row, outcome(spool, row.id))) };
}

/** @throws AppError `not-found` */
export function getMessage({ db, spool }: Pick<Deps, 'db' | 'spool'>, id: number): Message {
  const row = requireRow(db, id);
  const known = outcome(spool, id);
  const links = JSON.parse(row.links) as string[];
  return {
    ...summary(db, row, known),
    events: known.rows.map((event) => ({
      ...attemptOf(event),
      recipient: event.recipient,
      url: event.kind === 'clicked' ? (links[event.link] ?? null) : null,
    })),
  };
}

/**
 * What is unsent stays unsent; what is on its way at this moment may still arrive.
 * @throws AppError `not-found`, `wrong-state` when there is nothing left to stop
 */
export function cancelMessage({ db, spool, mta }: Pick<Deps, 'db' | 'spool' | 'mta'>, id: number): Message {
  requireRow(db, id);
  const job = spool.jobByRef(messageRef(id));
  if (!job || job.settled >= job.enqueued)
    throw new AppError('wrong-state', `Message ${id} has left already, or was cancelled before`);
  spool.setJobState(job.id, 'cancelled');
  db.$client.prepare('UPDATE messages SET cancelled_at = ? WHERE id = ?').run(Date.now(), id);
  mta.send({ type: 'job', jobId: job.id });
  return getMessage({ db, spool }, id);
}

function requireRow(db: Db, id: number): Row {
  const row = db.$client.prepare(`SELECT ${COLUMNS} FROM messages m WHERE m.id = ?`).get(id) as
    | Row
    | undefined;
  if (!row) throw new AppError('not-found', `There is no message ${id}`);
  return row;
}

interface Outcome {
  job: JobState | undefined;
  /** oldest first */
  rows: LedgerRow[];
}

function outcome(spool: Spool, id: number): Outcome {
  const job = spool.jobByRef(messageRef(id));
  const rows = job ? spool.searchLedger({ jobId: job.id }, undefined, MAX_EVENTS).reverse() : [];
  return { job: job?.state, rows };
}

function summary(db: Db, row: Row, { job, rows }: Outcome): MessageSummary {
  const addresses = db.$client
    .prepare('SELECT address FROM message_recipients WHERE message_id = ? ORDER BY position')
    .pluck()
    .all(row.id) as string[];
  const states = recipientStates(rows, addresses, { job, sendAt: row.sendAt, at: Date.now() });
  return {
    id: row.id,
    via: row.via,
    from: { name: row.fromName, address: row.fromAddress },
    subject: row.subject,
    tags: JSON.parse(row.tags) as string[],
    templateId: row.templateId,
    recipients: addresses.map((address, at) => ({ address, state: states[at]! })),
    sendAt: isoOrNull(row.sendAt),
    createdAt: iso(row.createdAt),
  };
}
