/** Webhooks as they stand in todoke.db, and what is done to them. */
import { and, asc, desc, eq, isNotNull, isNull, ne, or, sql } from 'drizzle-orm';
import type { Spool } from '../../mta/index.ts';
import { webhookDeliveries, webhooks } from '../db/schema.ts';
import type { Db } from '../deps.ts';
import { AppError, invalid } from '../errors.ts';
import { iso, isoOrNull } from '../schemas.ts';
import { webhookTargets } from '../settings/settings.ts';
import {
  addReplay,
  addTest,
  type DeliveryRow,
  getDelivery,
  showDelivery,
  waitsInSequence,
} from './deliveries.ts';
import { addressesOf, type Lookup } from './post.ts';
import type { Webhook, WebhookCreate, WebhookPatch } from './schemas.ts';
import { newSecret } from './secret.ts';
import { checkTarget, parseAllowed, parseTarget } from './target.ts';

export type WebhookRow = typeof webhooks.$inferSelect;
interface Context {
  db: Db;
  spool: Spool;
  resolve?: Lookup | undefined;
}

/** Each one reads the whole ledger for itself. */
const MOST = 50;
const HOUR = 3_600_000;

export function findWebhook(db: Db, id: number): WebhookRow | undefined {
  return db.select().from(webhooks).where(eq(webhooks.id, id)).get();
}

/** @throws AppError `not-found` */
export function getWebhook(db: Db, id: number): WebhookRow {
  const row = findWebhook(db, id);
  if (!row) throw new AppError('not-found', `There is no webhook ${id}`);
  return row;
}

export function listWebhooks(db: Db): WebhookRow[] {
  return db.select().from(webhooks).orderBy(asc(webhooks.id)).all();
}

export function showWebhook(db: Db, row: WebhookRow, now: number): Webhook {
  const t = webhookDeliveries;
  const last = db
    .select()
    .from(t)
    .where(and(eq(t.webhookId, row.id), isNotNull(t.attemptedAt)))
    .orderBy(desc(t.id))
    .limit(1)
    .get();
  const rotating = row.previousUntil !== null && row.previousUntil > now;
  return {
    id: row.id,
    name: row.name,
    url: row.url,
    events: row.filter.events as Webhook['events'],
    mail: row.filter.mail,
    batchSize: row.batchSize,
    enabled: row.disabled === null,
    disabledReason: row.disabled,
    disabledAt: isoOrNull(row.disabledAt),
    failingSince: isoOrNull(row.failingSince),
    secretAt: iso(row.secretAt),
    previousSecretUntil: rotating ? isoOrNull(row.previousUntil) : null,
    lastDelivery: last ? showDelivery(last, row.disabled === null) : null,
    createdAt: iso(row.createdAt),
    updatedAt: iso(row.updatedAt),
  };
}

/** Hears of what happens from now on. @throws AppError `value-invalid`, `conflict` */
export async function createWebhook(context: Context, body: WebhookCreate, now: number): Promise<WebhookRow> {
  const { db, spool } = context;
  const url = await checkUrl(context, body.url);
  const count = db.select({ n: sql<number>`count(*)` }).from(webhooks).get()!.n;
  if (count >= MOST) throw new AppError('conflict', `There are ${count} webhooks, and no more are possible`);
  return db
    .insert(webhooks)
    .values({
      name: nameOf(body.name),
      url,
      filter: { events: [...new Set(body.events)], mail: body.mail ?? 'all' },
      batchSize: body.batchSize ?? 500,
      ...disabledSet(body.enabled ?? true, now),
      secret: newSecret(),
      secretAt: now,
      ledgerId: spool.lastLedgerId(),
      outboxId: lastOutboxId(db, now + HOUR),
      createdAt: now,
      updatedAt: now,
    })
    .returning()
    .get();
}

/** @throws AppError `not-found`, `value-invalid` */
export async function patchWebhook(
  context: Context,
  id: number,
  body: WebhookPatch,
  now: number,
): Promise<WebhookRow> {
  const { db } = context;
  const before = getWebhook(db, id);
  const url = body.url === undefined ? before.url : await checkUrl(context, body.url);
  return db.transaction(
    (tx) => {
      if (body.enabled !== undefined && body.enabled !== (before.disabled === null)) {
        tx.update(webhooks).set(disabledSet(body.enabled, now)).where(eq(webhooks.id, id)).run();
      }
      // At once, whether it has been made well or leads elsewhere: what waits need not wait for its time.
      if (body.enabled || url !== before.url) retryNow(db, id, now);
      const row = tx
        .update(webhooks)
        .set({
          name: body.name === undefined ? before.name : nameOf(body.name),
          url,
          filter: {
            events: body.events ? [...new Set(body.events)] : before.filter.events,
            mail: body.mail ?? before.filter.mail,
          },
          batchSize: body.batchSize ?? before.batchSize,
          updatedAt: now,
        })
        .where(eq(webhooks.id, id))
        .returning()
        .get();
      if (!row) throw new AppError('not-found', `There is no webhook ${id}`);
      return row;
    },
    { behavior: 'immediate' },
  );
}

/** With its deliveries. @throws AppError `not-found` */
export function deleteWebhook(db: Db, id: number): WebhookRow {
  const row = getWebhook(db, id);
  db.delete(webhooks).where(eq(webhooks.id, id)).run();
  return row;
}

/**
 * A new secret; the old one signs as well for `overlapHours`. A third that was still valid ends now.
 * @throws AppError `not-found`
 */
export function rotateSecret(db: Db, id: number, overlapHours: number, now: number): WebhookRow {
  return db.transaction(
    (tx) => {
      const { secret } = getWebhook(db, id);
      const overlaps = overlapHours > 0;
      return tx
        .update(webhooks)
        .set({
          secret: newSecret(),
          secretAt: now,
          previousSecret: overlaps ? secret : null,
          previousUntil: overlaps ? now + overlapHours * HOUR : null,
          updatedAt: now,
        })
        .where(eq(webhooks.id, id))
        .returning()
        .get()!;
    },
    { behavior: 'immediate' },
  );
}

/** Sends an event of type `test`, also while the webhook is disabled. @throws AppError `not-found` */
export function testWebhook(db: Db, id: number, now: number): DeliveryRow {
  return addTest(db, getWebhook(db, id), now);
}

/** @throws AppError `not-found`; `wrong-state` for one that waits while its webhook is disabled */
export function replayDelivery(db: Db, id: number, deliveryId: number, now: number): DeliveryRow {
  return db.transaction(
    () => {
      const hook = getWebhook(db, id);
      const row = getDelivery(db, id, deliveryId);
      if (row.state !== 'waiting') return addReplay(db, row, now);
      if (hook.disabled !== null && row.kind === 'events') {
        const message = 'waits for its webhook to be enabled';
        throw new AppError('wrong-state', `Delivery ${deliveryId} ${message}`, [
          { pointer: '/deliveryId', code: 'wrong-state', message, value: deliveryId },
        ]);
      }
      return db
        .update(webhookDeliveries)
        .set({ nextAt: now })
        .where(eq(webhookDeliveries.id, deliveryId))
        .returning()
        .get()!;
    },
    { behavior: 'immediate' },
  );
}

/**
 * Moves the webhook to a time: everything since then is sent in order, again where it was sent. What waits is skipped,
 * as it is a part of that or lies before it.
 * @throws AppError `not-found`
 */
export function replaySince({ db, spool }: Context, id: number, since: number, now: number): WebhookRow {
  return db.transaction(
    (tx) => {
      getWebhook(db, id);
      tx.update(webhookDeliveries).set({ state: 'skipped', nextAt: null }).where(waitsInSequence(id)).run();
      return tx
        .update(webhooks)
        .set({
          ledgerId: spool.ledgerIdBefore(since),
          outboxId: lastOutboxId(db, since),
          failingSince: null,
          updatedAt: now,
        })
        .where(eq(webhooks.id, id))
        .returning()
        .get()!;
    },
    { behavior: 'immediate' },
  );
}

/** Webhooks that have something to do: enabled ones, and others with a test or a replay that waits. */
export function activeWebhooks(db: Db): number[] {
  const waits = sql`EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.webhook_id = ${webhooks.id} AND d.state = 'waiting' AND d.kind <> 'events')`;
  return db
    .select({ id: webhooks.id })
    .from(webhooks)
    .where(or(isNull(webhooks.disabled), waits))
    .orderBy(asc(webhooks.id))
    .all()
    .map(({ id }) => id);
}

/** Something was taken, or not: since when. */
export function noteHealth(db: Db, id: number, failingSince: number | null): void {
  db.update(webhooks).set({ failingSince }).where(eq(webhooks.id, id)).run();
}

/** By itself: it answered 410, or took nothing for three days. */
export function disableWebhook(db: Db, id: number, reason: 'gone' | 'failing', now: number): void {
  db.update(webhooks)
    .set({ disabled: reason, disabledAt: now })
    .where(and(eq(webhooks.id, id), isNull(webhooks.disabled)))
    .run();
}

/** What waits is tried at once. */
export function retryNow(db: Db, webhookId: number, now: number): void {
  db.update(webhookDeliveries)
    .set({ nextAt: now })
    .where(
      and(
        eq(webhookDeliveries.webhookId, webhookId),
        eq(webhookDeliveries.state, 'waiting'),
        ne(webhookDeliveries.attempts, 0),
      ),
    )
    .run();
}

/** Enabled anew, it has its three days anew. */
const disabledSet = (enabled: boolean, now: number) =>
  enabled
    ? ({ disabled: null, disabledAt: null, failingSince: null } as const)
    : ({ disabled: 'person', disabledAt: now } as const);

/** The last end of a campaign before that time, 0 when there is none. */
function lastOutboxId(db: Db, before: number): number {
  return db.$client
    .prepare('SELECT coalesce(max(id), 0) FROM webhook_outbox WHERE at < ?')
    .pluck()
    .get(before) as number;
}

function nameOf(typed: string): string {
  const name = typed.trim();
  if (name === '') throw invalid('/name', 'empty', 'should say what the webhook is for', typed);
  return name;
}

/** Settings as the checks take them; those that are no longer understood allow nothing. */
export function allowedTargets(db: Db) {
  return webhookTargets(db).flatMap((entry) => {
    const parsed = parseAllowed(entry);
    return parsed.ok ? [parsed.target] : [];
  });
}

/**
 * A name that is not known now may be later: the screen shows what became of each request.
 * @throws AppError `value-invalid`
 */
async function checkUrl({ db, resolve }: Context, typed: string): Promise<string> {
  const target = parseTarget(typed);
  if (!target.ok) throw invalid('/url', 'url', target.message, typed);
  const addresses = await addressesOf(target.url, resolve).catch(() => []);
  const check = checkTarget(target.url, addresses, allowedTargets(db));
  if (!check.ok) throw invalid('/url', check.code, check.message, typed);
  return target.url.href;
}
