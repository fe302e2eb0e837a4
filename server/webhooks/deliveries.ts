/** Requests to webhooks as they stand in todoke.db. */
import { and, desc, eq, lt, ne, sql } from 'drizzle-orm';
import { webhookDeliveries, webhooks } from '../db/schema.ts';
import type { Db } from '../deps.ts';
import { AppError } from '../errors.ts';
import { iso, isoOrNull } from '../schemas.ts';
import { type Batches, bodyOf, type Range } from './batch.ts';
import { testEvent, type WebhookEvent } from './events.ts';
import type { Answer, Decision } from './retry.ts';
import type { WebhookDelivery } from './schemas.ts';
import { newMessageId } from './secret.ts';
import type { WebhookRow } from './store.ts';

export type DeliveryRow = typeof webhookDeliveries.$inferSelect;

/** What is kept of each webhook: enough to see what happened, bounded whatever happens. */
const KEPT = 1000;
const KEPT_MS = 7 * 24 * 3_600_000;

export function showDelivery(row: DeliveryRow, enabled = true): WebhookDelivery {
  return {
    id: row.id,
    messageId: row.messageId,
    kind: row.kind,
    state: row.state,
    events: row.events,
    attempts: row.attempts,
    createdAt: iso(row.createdAt),
    attemptedAt: isoOrNull(row.attemptedAt),
    nextAt: enabled || row.kind !== 'events' ? isoOrNull(row.nextAt) : null,
    status: row.status || null,
    error: (row.error || null) as WebhookDelivery['error'],
    ms: row.ms,
    response: row.response,
  };
}

/** @throws AppError `not-found` */
export function getDelivery(db: Db, webhookId: number, id: number): DeliveryRow {
  const row = db
    .select()
    .from(webhookDeliveries)
    .where(and(eq(webhookDeliveries.id, id), eq(webhookDeliveries.webhookId, webhookId)))
    .get();
  if (!row) throw new AppError('not-found', `Webhook ${webhookId} has no delivery ${id}`);
  return row;
}

/** Newest first. */
export function listDeliveries(
  db: Db,
  webhookId: number,
  filter: { state?: string | undefined; before?: number | undefined; limit: number },
): DeliveryRow[] {
  const t = webhookDeliveries;
  return db
    .select()
    .from(t)
    .where(
      and(
        eq(t.webhookId, webhookId),
        filter.state ? eq(t.state, filter.state as DeliveryRow['state']) : undefined,
        filter.before === undefined ? undefined : lt(t.id, filter.before),
      ),
    )
    .orderBy(desc(t.id))
    .limit(filter.limit)
    .all();
}

/** What waits to be sent now: a test or a replay before the webhook's own sequence. */
export function dueDelivery(
  db: Db,
  webhookId: number,
  withEvents: boolean,
  now: number,
): DeliveryRow | undefined {
  return db
    .select()
    .from(webhookDeliveries)
    .where(
      and(
        eq(webhookDeliveries.webhookId, webhookId),
        eq(webhookDeliveries.state, 'waiting'),
        withEvents ? undefined : ne(webhookDeliveries.kind, 'events'),
        sql`${webhookDeliveries.nextAt} <= ${now}`,
      ),
    )
    .orderBy(sql`${webhookDeliveries.kind} = 'events'`, webhookDeliveries.id)
    .limit(1)
    .get();
}

/** What waits, other than tests and replays. */
export const waitsInSequence = (webhookId: number) =>
  and(
    eq(webhookDeliveries.webhookId, webhookId),
    eq(webhookDeliveries.state, 'waiting'),
    eq(webhookDeliveries.kind, 'events'),
  );

/** The request of the webhook's own sequence that is on its way or waits for another attempt. */
export function waitingEvents(db: Db, webhookId: number): DeliveryRow | undefined {
  return db.select().from(webhookDeliveries).where(waitsInSequence(webhookId)).get();
}

export function addTest(db: Db, hook: WebhookRow, now: number): DeliveryRow {
  const { ledgerId, outboxId } = hook;
  const here = { ledgerId, outboxId };
  return add(db, hook, { kind: 'test', range: { from: here, through: here }, events: 1, now });
}

/** The same events under the same `webhook-id`, as the scheme wants it. */
export function addReplay(db: Db, row: DeliveryRow, now: number): DeliveryRow {
  const { ledgerFrom, ledgerThrough, outboxFrom, outboxThrough } = row;
  const kind = row.kind === 'test' ? 'test' : 'replay';
  return db
    .insert(webhookDeliveries)
    .values({
      webhookId: row.webhookId,
      messageId: row.messageId,
      filter: row.filter,
      events: row.events,
      kind,
      ledgerFrom,
      ledgerThrough,
      outboxFrom,
      outboxThrough,
      createdAt: now,
      nextAt: now,
    })
    .returning()
    .get();
}

function add(
  db: Db,
  hook: Pick<WebhookRow, 'id' | 'filter'>,
  { kind, range, events, now }: { kind: DeliveryRow['kind']; range: Range; events: number; now: number },
): DeliveryRow {
  return db
    .insert(webhookDeliveries)
    .values({
      webhookId: hook.id,
      messageId: newMessageId(),
      kind,
      filter: hook.filter,
      ledgerFrom: range.from.ledgerId,
      ledgerThrough: range.through.ledgerId,
      outboxFrom: range.from.outboxId,
      outboxThrough: range.through.outboxId,
      events,
      createdAt: now,
      nextAt: now,
    })
    .returning()
    .get();
}

/**
 * Puts the next batch on record and moves the webhook on, in the caller's transaction. Undefined: the webhook stands
 * elsewhere by now (a replay), so this is not its next batch.
 */
export function addBatch(
  db: Db,
  hook: WebhookRow,
  range: Range,
  events: number,
  now: number,
): DeliveryRow | undefined {
  const { ledgerId, outboxId } = range.through;
  const moved = db
    .update(webhooks)
    .set({ ledgerId, outboxId })
    .where(
      and(
        eq(webhooks.id, hook.id),
        eq(webhooks.ledgerId, hook.ledgerId),
        eq(webhooks.outboxId, hook.outboxId),
      ),
    )
    .run();
  return moved.changes === 0 ? undefined : add(db, hook, { kind: 'events', range, events, now });
}

/** What an attempt came to. One that somebody has skipped meanwhile stays so. */
export function settle(db: Db, row: DeliveryRow, answer: Answer, decision: Decision, now: number): void {
  const state = decision.type === 'taken' ? 'delivered' : decision.type === 'again' ? 'waiting' : 'failed';
  // A webhook that is disabled for its failures keeps its place: enabled again, it goes on with this one.
  const held = row.kind === 'events' && state === 'failed';
  db.update(webhookDeliveries)
    .set({
      state: sql`CASE state WHEN 'waiting' THEN ${held ? 'waiting' : state} ELSE state END`,
      attempts: row.attempts + 1,
      attemptedAt: now,
      nextAt: decision.type === 'again' ? decision.at : null,
      status: answer.status,
      error: answer.error,
      ms: answer.ms,
      response: answer.response,
    })
    .where(eq(webhookDeliveries.id, row.id))
    .run();
}

/** Forgets old ones: those beyond the last thousand or a week, but none that waits. */
export function pruneDeliveries(db: Db, webhookId: number, now: number): void {
  db.$client
    .prepare(
      `DELETE FROM webhook_deliveries WHERE webhook_id = @id AND state <> 'waiting' AND (created_at < @before OR id <= coalesce(
         (SELECT id FROM webhook_deliveries WHERE webhook_id = @id ORDER BY id DESC LIMIT 1 OFFSET @kept), 0))`,
    )
    .run({ id: webhookId, before: now - KEPT_MS, kept: KEPT });
}

export function eventsOf(batches: Batches, row: DeliveryRow): WebhookEvent[] {
  if (row.kind === 'test') return [testEvent(row.messageId, row.createdAt)];
  return batches.events(
    {
      from: { ledgerId: row.ledgerFrom, outboxId: row.outboxFrom },
      through: { ledgerId: row.ledgerThrough, outboxId: row.outboxThrough },
    },
    row.filter as Parameters<Batches['events']>[1],
  );
}

export const bodyFor = (batches: Batches, row: DeliveryRow): Buffer => bodyOf(eventsOf(batches, row));
