/**
 * Accepting messages. A message's row is committed before its job goes into the spool, and only then is the caller answered: a
 * crash in between leaves rows without a job, which nobody was told of; they are removed at the next start, and the caller,
 * who got no answer, sends again.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Deps } from '../deps.ts';
import { AppError, type FieldError } from '../errors.ts';
import { readSettings } from '../settings/settings.ts';
import { type Checked, MessageCheck } from './check.ts';
import type { MessageInput } from './schemas.ts';

export interface Sender {
  kind: 'user' | 'key';
  id: number;
}

/** Messages checked between two turns of the event loop: each costs about a millisecond. */
const SLICE = 10;
/** The newest rows that a crash may have left without a job: more than requests that can run at one time bring. */
const CHECKED_AT_START = 20_000;

export const messageRef = (id: number): string => `message:${id}`;
/** The message that a job was made for. */
export function messageOf(ref: string): number | undefined {
  const id = /^message:([1-9]\d*)$/.exec(ref)?.[1];
  return id === undefined ? undefined : Number(id);
}

/**
 * One message. Durable when it returns.
 * @throws AppError `value-invalid` with every mistake
 */
export async function acceptOne(deps: Deps, sender: Sender, input: MessageInput): Promise<number> {
  const [result] = await acceptAll(deps, sender, [input]);
  if (result!.ok) return result!.id;
  const { errors } = result!;
  const [first] = errors;
  throw new AppError('value-invalid', `${first!.pointer.slice(1)}: ${first!.message}`, errors);
}

/** Each is accepted or not, in their order. Durable when it returns. */
export async function acceptAll(
  deps: Deps,
  sender: Sender,
  inputs: readonly MessageInput[],
): Promise<({ ok: true; id: number } | { ok: false; errors: FieldError[] })[]> {
  const { db, config } = deps;
  const now = Date.now();
  const check = new MessageCheck({ db, mode: readSettings(db, config).delivery.mode, now });
  const checked: ReturnType<MessageCheck['check']>[] = [];
  for (const [at, input] of inputs.entries()) {
    if (at > 0 && at % SLICE === 0) await nextTurn();
    checked.push(check.check(input));
  }
  const good = checked.flatMap((result) => (result.ok ? [result.message] : []));
  const ids = store(deps, sender, good, now);
  let next = 0;
  return checked.map((result) => (result.ok ? { ok: true, id: ids[next++]! } : result));
}

function store(
  { db, spool, mta }: Deps,
  sender: Sender,
  messages: readonly Checked[],
  now: number,
): number[] {
  if (messages.length === 0) return [];
  const { $client: client } = db;
  const insert = client.prepare(
    `INSERT INTO messages (via, actor_kind, actor_id, from_name, from_address, subject, tags, template_id, links, send_at, created_at)
     VALUES ('api', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertRecipient = client.prepare(
    'INSERT INTO message_recipients (message_id, position, address, address_key) VALUES (?, 0, ?, ?)',
  );
  const ids = client
    .transaction(() =>
      messages.map(({ source, to, tags, templateId, links, sendAt }) => {
        const { name, address } = source.from;
        const id = insert.run(
          ...[sender.kind, sender.id, name, address, source.subject],
          ...[JSON.stringify(tags), templateId, JSON.stringify(links), sendAt ?? null, now],
        ).lastInsertRowid as number;
        insertRecipient.run(id, to.address, to.key);
        return id;
      }),
    )
    .immediate();
  const jobs = spool.together(() =>
    messages.map(({ source, to, merge, poolId, sendAt }, at) => {
      const content = { ...source, feedbackId: 'message' };
      const input = { ref: messageRef(ids[at]!), class: 'transactional' as const, content, poolId };
      return spool.submit(input, [{ address: to.address, subscriberId: 0, listId: 0, merge }], sendAt);
    }),
  );
  // The last one wakes the MTA for all: it reads what is new.
  mta.send({ type: 'wake', jobId: jobs.at(-1)!.jobId });
  return ids;
}

/** At start: removes rows whose request never got an answer. Answers how many. */
export function dropUnanswered({ db, spool }: Pick<Deps, 'db' | 'spool'>): number {
  const { $client: client } = db;
  const ids = client
    .prepare('SELECT id FROM messages ORDER BY id DESC LIMIT ?')
    .pluck()
    .all(CHECKED_AT_START) as number[];
  const orphans: number[] = [];
  for (const id of ids) {
    // Rows are made in the order of their jobs: behind the newest one that has a job, all have.
    if (spool.jobByRef(messageRef(id))) break;
    orphans.push(id);
  }
  const remove = client.prepare('DELETE FROM messages WHERE id = ?');
  client.transaction(() => orphans.forEach((id) => void remove.run(id))).immediate();
  return orphans.length;
}
