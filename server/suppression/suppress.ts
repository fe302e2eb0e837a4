/** Addresses that must not be mailed. `all`: no mail at all; `marketing`: nothing that comes by a list. */
import type { Spool } from '../../mta/index.ts';
import { parseAddress } from '../../mta/index.ts';
import type { Suppression } from '../audience/schemas.ts';
import type { Db } from '../deps.ts';
import { AppError } from '../errors.ts';
import { hashedKey } from './hashed-key.ts';

export type SuppressionScope = 'all' | 'marketing';

export interface NewSuppression {
  email: string;
  scope: SuppressionScope;
  reason: string;
  origin: 'bounce' | 'unsubscribe' | 'complaint' | 'manual';
  note?: string | undefined;
  ledgerId?: number | undefined;
  /** epoch ms */
  at: number;
}

interface Row {
  id: number;
  email: string;
  emailKey: string;
  reason: string;
  scope: SuppressionScope;
  origin: string;
  note: string;
  createdAt: number;
}

const COLUMNS = 'id, email, email_key AS emailKey, reason, scope, origin, note, created_at AS createdAt';

function view(row: Row): Suppression {
  const { emailKey: _, createdAt, ...rest } = row;
  return { ...rest, createdAt: new Date(createdAt).toISOString() };
}

/** Identity of an address; one that cannot be parsed any more (kept from elsewhere) still has one. */
export function addressKey(email: string): string {
  const parsed = parseAddress(email);
  return parsed.ok ? parsed.key : email.trim().toLowerCase();
}

/**
 * Stops all mail of this scope to the address, also what is already queued; the caller tells the MTA by
 * `{type:'stops'}`. Idempotent: the first entry for an address and scope stays.
 */
export function suppress(
  db: Db,
  spool: Spool,
  input: NewSuppression,
): { suppression: Suppression; added: boolean } {
  const client = db.$client;
  const key = addressKey(input.email);
  return client
    .transaction(() => {
      const { changes } = client
        .prepare(
          `INSERT INTO suppressions (email_key, email, reason, scope, origin, ledger_id, note, created_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (email_key, scope) DO NOTHING`,
        )
        .run(
          key,
          input.email.trim(),
          input.reason,
          input.scope,
          input.origin,
          input.ledgerId ?? null,
          input.note ?? '',
          input.at,
        );
      const row = client
        .prepare(`SELECT ${COLUMNS} FROM suppressions WHERE email_key = ? AND scope = ?`)
        .get(key, input.scope) as Row;
      // Before the commit: a crash in between repeats the stop, it never loses it.
      if (changes > 0) for (const listId of stopsOf(db, key, input.scope)) spool.stop(input.email, listId);
      return { suppression: view(row), added: changes > 0 };
    })
    .immediate();
}

/**
 * Mail may go there again. Lists that the person left stay left.
 * @throws AppError `not-found`
 */
export function unsuppress(db: Db, spool: Spool, id: number): void {
  const client = db.$client;
  client
    .transaction(() => {
      const row = client.prepare(`DELETE FROM suppressions WHERE id = ? RETURNING ${COLUMNS}`).get(id) as
        | Row
        | undefined;
      if (!row) throw new AppError('not-found', `There is no suppression ${id}`);
      // An erased person's address is not known, and nothing of theirs is queued.
      if (row.email === '') return;
      const lists = row.scope === 'all' ? [0] : stopsOf(db, row.emailKey, 'marketing', 'subscribed');
      for (const listId of lists) spool.unstop(row.email, listId);
    })
    .immediate();
}

/** Not list 0 for `marketing`: a single message that the person asked for may still come. */
function stopsOf(db: Db, emailKey: string, scope: SuppressionScope, state?: 'subscribed'): number[] {
  if (scope === 'all') return [0];
  return db.$client
    .prepare(
      `SELECT m.list_id FROM subscribers s JOIN memberships m ON m.subscriber_id = s.id
       WHERE s.email_key = ? AND (? IS NULL OR m.state = ?)`,
    )
    .pluck()
    .all(emailKey, state ?? null, state ?? null) as number[];
}

/** Newest first. `q`: the beginning of an address (by index), or the whole address of an erased person. */
export function listSuppressions(
  db: Db,
  query: { limit: number; beforeId: number | undefined; q?: string | undefined },
): { items: Suppression[]; nextCursor: string | null } {
  const before = query.beforeId ?? Number.MAX_SAFE_INTEGER;
  const q = query.q?.trim().toLowerCase() ?? '';
  const rows = (
    q === ''
      ? db.$client
          .prepare(`SELECT ${COLUMNS} FROM suppressions WHERE id < ? ORDER BY id DESC LIMIT ?`)
          .all(before, query.limit + 1)
      : db.$client
          .prepare(
            `SELECT ${COLUMNS} FROM suppressions
             WHERE id < ? AND ((email_key >= ? AND email_key < ?) OR email_key = ?) ORDER BY id DESC LIMIT ?`,
          )
          .all(before, q, `${q}\u{10ffff}`, hashedKey(db, addressKey(q)), query.limit + 1)
  ) as Row[];
  const items = rows.slice(0, query.limit);
  return { items: items.map(view), nextCursor: rows.length > query.limit ? String(items.at(-1)!.id) : null };
}
