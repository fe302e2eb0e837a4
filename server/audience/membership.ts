/** Who is on which list, and who left. Every change reaches mail that is already queued. */
import type { Spool } from '../../mta/index.ts';
import type { Db } from '../deps.ts';
import { AppError } from '../errors.ts';
import { suppress } from '../suppression/suppress.ts';
import type { Membership } from './schemas.ts';

interface Row {
  listId: number;
  listName: string;
  state: 'subscribed' | 'unsubscribed';
  source: string;
  createdAt: number;
  unsubscribedAt: number | null;
}

const SELECT = `SELECT m.list_id AS listId, l.name AS listName, m.state, m.source, m.created_at AS createdAt,
  m.unsubscribed_at AS unsubscribedAt FROM memberships m JOIN lists l ON l.id = m.list_id WHERE m.subscriber_id = ?`;

function view(row: Row): Membership {
  const left = row.state === 'unsubscribed' ? row.unsubscribedAt : null;
  return {
    ...row,
    createdAt: new Date(row.createdAt).toISOString(),
    unsubscribedAt: left === null ? null : new Date(left).toISOString(),
  };
}

export function membershipsOf(db: Db, subscriberId: number): Membership[] {
  return (db.$client.prepare(`${SELECT} ORDER BY m.list_id`).all(subscriberId) as Row[]).map(view);
}

export interface Subscribing {
  subscriberId: number;
  listId: number;
  /** how the consent came: `ui`, `api`, … */
  source: string;
  /** epoch ms */
  at: number;
}

/**
 * Puts a person on a list, also one they left: source and time are those of the new consent, the time they left stays
 * so that a late event of then does not take them off again. Idempotent for members.
 * @throws AppError `not-found`
 */
export function subscribe(
  db: Db,
  spool: Spool,
  { subscriberId, listId, source, at }: Subscribing,
): Membership {
  const client = db.$client;
  return client
    .transaction(() => {
      const email = client.prepare('SELECT email FROM subscribers WHERE id = ?').pluck().get(subscriberId) as
        | string
        | undefined;
      if (email === undefined) throw new AppError('not-found', `There is no subscriber ${subscriberId}`);
      if (!client.prepare('SELECT 1 FROM lists WHERE id = ?').get(listId)) {
        throw new AppError('not-found', `There is no list ${listId}`);
      }
      const before = client
        .prepare('SELECT state FROM memberships WHERE list_id = ? AND subscriber_id = ?')
        .pluck()
        .get(listId, subscriberId) as string | undefined;
      if (before !== 'subscribed') {
        client
          .prepare(
            `INSERT INTO memberships (list_id, subscriber_id, state, source, created_at) VALUES (?, ?, 'subscribed', ?, ?)
             ON CONFLICT (list_id, subscriber_id) DO UPDATE SET state = 'subscribed', source = excluded.source,
               created_at = excluded.created_at, unsubscribed_by = NULL`,
          )
          .run(listId, subscriberId, source, at);
      }
      if (before === 'unsubscribed') spool.unstop(email, listId);
      return view(client.prepare(`${SELECT} AND m.list_id = ?`).get(subscriberId, listId) as Row);
    })
    .immediate();
}

export interface Unsubscribing {
  subscriberId: number;
  /** `all`: every list, and a suppression of scope marketing, so that no list brings mail any more */
  listId: number | 'all';
  /** how they left: `link`, `campaign:12`, `ui`, `api` */
  source: string;
  /** epoch ms, of the click or the event */
  at: number;
}

/**
 * Takes a person off a list or off all mail that comes by lists; the caller tells the MTA by `{type:'stops'}`.
 * Nothing is erased. Idempotent, also for an event that arrives again after the person came back: what was left at
 * `at` or later before is not left again.
 */
export function unsubscribe(
  db: Db,
  spool: Spool,
  { subscriberId, listId, source, at }: Unsubscribing,
): 'unsubscribed' | 'already' | 'unknown' {
  const client = db.$client;
  return client
    .transaction(() => {
      const email = client.prepare('SELECT email FROM subscribers WHERE id = ?').pluck().get(subscriberId) as
        | string
        | undefined;
      if (email === undefined) return 'unknown';
      if (listId === 'all') return leaveAll(db, spool, { subscriberId, email, source, at });
      const list = client.prepare('SELECT 1 FROM lists WHERE id = ?').get(listId);
      // Who never was a member (the list brought them by a rule, or they were taken off it) is remembered as having left.
      const changes = list
        ? client
            .prepare(
              `INSERT INTO memberships (list_id, subscriber_id, state, source, created_at, unsubscribed_at, unsubscribed_by)
               VALUES (?, ?, 'unsubscribed', ?, ?, ?, ?)
               ON CONFLICT (list_id, subscriber_id) DO UPDATE SET state = 'unsubscribed',
                 unsubscribed_at = excluded.unsubscribed_at, unsubscribed_by = excluded.unsubscribed_by
               WHERE ${APPLIES}`,
            )
            .run(listId, subscriberId, source, at, at, source).changes
        : 1;
      if (changes === 0) return 'already';
      // Before the commit: a crash in between repeats the stop, it never loses it.
      spool.stop(email, listId);
      return 'unsubscribed';
    })
    .immediate();
}

/** Somebody who came back (unsubscribed_at is kept then) only leaves by something newer than that. */
const APPLIES = `memberships.state = 'subscribed' AND
  (memberships.unsubscribed_at IS NULL OR excluded.unsubscribed_at > max(memberships.unsubscribed_at, memberships.created_at))`;

function leaveAll(
  db: Db,
  spool: Spool,
  { subscriberId, email, source, at }: { subscriberId: number; email: string; source: string; at: number },
): 'unsubscribed' | 'already' {
  const client = db.$client;
  const cameBack = client
    .prepare(
      `SELECT 1 FROM memberships WHERE subscriber_id = ? AND state = 'subscribed' AND unsubscribed_at >= ?`,
    )
    .get(subscriberId, at);
  if (cameBack) return 'already';
  const left = client
    .prepare(
      `UPDATE memberships SET state = 'unsubscribed', unsubscribed_at = ?, unsubscribed_by = ?
       WHERE subscriber_id = ? AND state = 'subscribed' RETURNING list_id`,
    )
    .pluck()
    .all(at, source, subscriberId) as number[];
  const { added } = suppress(db, spool, {
    email,
    scope: 'marketing',
    reason: 'unsubscribed',
    origin: 'unsubscribe',
    at,
  });
  // A new suppression has stopped them all.
  if (!added) for (const listId of left) spool.stop(email, listId);
  return added || left.length > 0 ? 'unsubscribed' : 'already';
}

/** @throws AppError `not-found` when the person never was on the list */
export function requireMembership(db: Db, subscriberId: number, listId: number): void {
  if (
    !db.$client
      .prepare('SELECT 1 FROM memberships WHERE list_id = ? AND subscriber_id = ?')
      .get(listId, subscriberId)
  ) {
    throw new AppError('not-found', `Subscriber ${subscriberId} is not on list ${listId}`);
  }
}
