/**
 * Sends events to webhooks, in the worker thread. Each webhook is a fold of its own over the ledger: it has one batch on
 * its way at a time, in ledger order, so what a receiver hears of one person is in order; one that fails holds only
 * itself. A batch is on record, with its `webhook-id`, before it is sent: after a crash the same one goes out again.
 */
import { auditSystem } from '../audit/audit.ts';
import type { WorkerContext } from '../worker.ts';
import { Batches, type Position, type Range } from './batch.ts';
import {
  addBatch,
  bodyFor,
  type DeliveryRow,
  dueDelivery,
  pruneDeliveries,
  settle,
  waitingEvents,
} from './deliveries.ts';
import { Poster } from './post.ts';
import { type Answer, type Decision, decide } from './retry.ts';
import { signatures } from './secret.ts';
import {
  activeWebhooks,
  allowedTargets,
  disableWebhook,
  findWebhook,
  noteHealth,
  retryNow,
  showWebhook,
  type WebhookRow,
} from './store.ts';

/** ms between an event and the request, in which others join it */
const GATHER = 100;
/** ms between two looks at what waits for its time, and at ends of campaigns */
const HEARTBEAT = 1000;
/** ms between two live events of a webhook */
const SHOW_EVERY = 500;
const PRUNE_EVERY = 60_000;
/** ms between two times that a webhook's place is written down while there is nothing for it */
const REMEMBER_EVERY = 10_000;
/** ms between two reports of failures of our own */
const REPORT_EVERY = 60_000;

type Context = Pick<WorkerContext, 'db' | 'spool' | 'live' | 'failed' | 'breathe'>;
export interface SenderOptions {
  /** epoch ms */
  now?: () => number;
  random?: () => number;
  poster?: Poster;
}

export class WebhookSender {
  readonly #context: Context;
  readonly #batches: Batches;
  readonly #poster: Poster;
  readonly #now: () => number;
  readonly #random: () => number;
  /** webhooks that have something to do */
  #active: number[] = [];
  /** webhookId → its work under way, and how to cut it short */
  readonly #running = new Map<number, { done: Promise<void>; abort: AbortController; again: boolean }>();
  /** webhookId → how far the ledger was read since, without an event for it */
  readonly #scanned = new Map<number, { from: Position; at: Position; updatedAt: number }>();
  readonly #shownAt = new Map<number, number>();
  readonly #prunedAt = new Map<number, number>();
  readonly #rememberedAt = new Map<number, number>();
  readonly #reportedAt = new Map<number, number>();
  #gathering: NodeJS.Timeout | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(context: Context, options: SenderOptions = {}) {
    this.#context = context;
    this.#batches = new Batches(context.db, context.spool);
    this.#poster = options.poster ?? new Poster();
    this.#now = options.now ?? Date.now;
    this.#random = options.random ?? Math.random;
  }

  /** At the start, and when somebody changed webhook `id`: what it does now may not be wanted any more. */
  changed(id?: number): void {
    if (this.#stopped) return;
    this.#active = activeWebhooks(this.#context.db);
    const running = id === undefined ? undefined : this.#running.get(id);
    if (running && !this.#active.includes(id!)) running.abort.abort();
    if (this.#active.length > 0) this.#heartbeat ??= setInterval(() => this.look(), HEARTBEAT);
    else this.#rest();
    this.look();
  }

  /** The ledger has grown: a moment later, so that more events go in one request. */
  wake(): void {
    if (this.#stopped || this.#active.length === 0) return;
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined;
      this.look();
    }, GATHER);
  }

  /** Looks at every active webhook now. */
  look(): void {
    if (this.#stopped) return;
    for (const id of this.#active) this.#start(id);
  }

  /** Resolves when nothing is under way: what is left waits for its time. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all([...this.#running.values()].map(({ done }) => done));
  }

  /** Requests under way are cut: they are sent again after the next start. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#rest();
    clearTimeout(this.#gathering);
    for (const { abort } of this.#running.values()) abort.abort();
    await this.idle();
    this.#poster.close();
  }

  #rest(): void {
    clearInterval(this.#heartbeat);
    this.#heartbeat = undefined;
  }

  #start(id: number): void {
    const running = this.#running.get(id);
    if (running) {
      running.again = true;
      return;
    }
    const abort = new AbortController();
    const done = this.#work(id, abort.signal)
      .catch((error: unknown) => {
        // A locked database or a full disk passes: the heartbeat tries again.
        if (!abort.signal.aborted && isDue(this.#reportedAt, id, REPORT_EVERY)) this.#context.failed(error);
      })
      .finally(() => {
        const again = this.#running.get(id)?.again;
        this.#running.delete(id);
        if (again && !this.#stopped && this.#active.includes(id)) this.wake();
      });
    this.#running.set(id, { done, abort, again: false });
  }

  /** Everything that is due, one after the other. */
  async #work(id: number, signal: AbortSignal): Promise<void> {
    const { db } = this.#context;
    while (!signal.aborted) {
      const hook = findWebhook(db, id);
      if (!hook) return;
      const enabled = hook.disabled === null;
      const due = dueDelivery(db, id, enabled, this.#now());
      if (due) {
        await this.#settle(id, due, await this.#send(hook, due, signal));
      } else if (!enabled || waitingEvents(db, id)) {
        if (!enabled) this.#active = activeWebhooks(db);
        return;
      } else if (!(await this.#plan(hook))) {
        return;
      }
    }
  }

  async #send(hook: WebhookRow, delivery: DeliveryRow, signal: AbortSignal): Promise<Answer> {
    const { db } = this.#context;
    const body = bodyFor(this.#batches, delivery);
    const now = this.#now();
    const timestamp = Math.floor(now / 1000);
    const secrets = [hook.secret];
    if (hook.previousSecret !== null && hook.previousUntil! > now) secrets.push(hook.previousSecret);
    return this.#poster.send(
      {
        url: new URL(hook.url),
        headers: {
          'webhook-id': delivery.messageId,
          'webhook-timestamp': String(timestamp),
          'webhook-signature': signatures(secrets, delivery.messageId, timestamp, body),
        },
        body,
        allowed: allowedTargets(db),
        attempt: delivery.attempts,
      },
      signal,
    );
  }

  /** Writes down what came of it. While all goes well, the next batch is put on record by the same commit. */
  async #settle(id: number, delivery: DeliveryRow, answer: Answer): Promise<void> {
    const { db } = this.#context;
    const now = this.#now();
    // Read anew: it may have been changed while the request was under way.
    const hook = findWebhook(db, id);
    if (!hook) return;
    const decision = this.#decide(hook, delivery, answer, now);
    const flows = decision.type === 'taken' && delivery.kind === 'events' && hook.disabled === null;
    const next = flows ? await this.#find(hook) : undefined;
    db.transaction(
      () => {
        settle(db, delivery, answer, decision, now);
        this.#judge(hook, delivery, decision, now);
        if (next && !waitingEvents(db, id)) addBatch(db, hook, next.range, next.count, now);
      },
      { behavior: 'immediate' },
    );
    this.#prune(id, now);
    this.#show(id, !next);
  }

  #decide(hook: WebhookRow, delivery: DeliveryRow, answer: Answer, now: number): Decision {
    const attempts = delivery.attempts + 1;
    const since = hook.failingSince ?? now;
    const decision = decide(answer, { attempts, since, now, random: this.#random() });
    // Somebody looks at it, and may ask again.
    if (decision.type === 'again' && delivery.kind !== 'events') return { type: 'give-up' };
    return decision;
  }

  /** What follows for the webhook as a whole. */
  #judge(hook: WebhookRow, delivery: DeliveryRow, decision: Decision, now: number): void {
    const { db } = this.#context;
    if (decision.type === 'taken') {
      if (hook.failingSince === null) return;
      noteHealth(db, hook.id, null);
      // It is back: what waits need not wait any longer.
      if (delivery.kind !== 'events') retryNow(db, hook.id, now);
      return;
    }
    if (delivery.kind !== 'events') return;
    if (hook.failingSince === null) noteHealth(db, hook.id, now);
    if (decision.type === 'again' || hook.disabled !== null) return;
    const reason = decision.type === 'gone' ? 'gone' : 'failing';
    disableWebhook(db, hook.id, reason, now);
    auditSystem(db, 'webhooks', 'webhook.disable', `webhook:${hook.id}`, { name: hook.name, reason });
    this.#active = activeWebhooks(db);
    const why = reason === 'gone' ? 'answered 410 Gone' : 'took nothing for three days';
    this.#context.failed(new Error(`Webhook ${hook.id} (${hook.name}) ${why} and was disabled`));
  }

  /** False: there is nothing for it. */
  async #plan(hook: WebhookRow): Promise<boolean> {
    const { db } = this.#context;
    const found = await this.#find(hook);
    if (!found) return false;
    db.transaction(() => addBatch(db, hook, found.range, found.count, this.#now()), {
      behavior: 'immediate',
    });
    return true;
  }

  /** The next events for it. How far there were none is only remembered: a restart looks again. */
  async #find(hook: WebhookRow): Promise<{ range: Range; count: number } | undefined> {
    const { ledgerId, outboxId, updatedAt } = hook;
    const known = this.#scanned.get(hook.id);
    const isSame =
      known?.from.ledgerId === ledgerId && known.from.outboxId === outboxId && known.updatedAt === updatedAt;
    const from = isSame ? known.at : { ledgerId, outboxId };
    const { range, count } = await this.#batches.next(
      from,
      hook.filter as Parameters<Batches['next']>[1],
      hook.batchSize,
      this.#context.breathe,
    );
    if (count > 0) {
      this.#scanned.delete(hook.id);
      return { range, count };
    }
    this.#scanned.set(hook.id, { from: { ledgerId, outboxId }, at: range.through, updatedAt });
    if (range.through.ledgerId > ledgerId || range.through.outboxId > outboxId)
      this.#remember(hook, range.through);
    return undefined;
  }

  /** Nothing up to there is for this webhook, whatever it is changed to later. */
  #remember(hook: WebhookRow, at: Position): void {
    if (!isDue(this.#rememberedAt, hook.id, REMEMBER_EVERY)) return;
    this.#context.db.$client
      .prepare(
        'UPDATE webhooks SET ledger_id = ?, outbox_id = ? WHERE id = ? AND ledger_id = ? AND outbox_id = ?',
      )
      .run(at.ledgerId, at.outboxId, hook.id, hook.ledgerId, hook.outboxId);
  }

  #prune(id: number, now: number): void {
    if (isDue(this.#prunedAt, id, PRUNE_EVERY)) pruneDeliveries(this.#context.db, id, now);
  }

  /** Tells the screens, at most twice a second while batches follow one another. */
  #show(id: number, last: boolean): void {
    if (!isDue(this.#shownAt, id, SHOW_EVERY) && !last) return;
    const hook = findWebhook(this.#context.db, id);
    if (hook) this.#context.live({ type: 'webhook', data: showWebhook(this.#context.db, hook, this.#now()) });
  }
}

/** Whether the last time is `every` ms ago, by the monotonic clock; notes it down when it is. */
function isDue(last: Map<number, number>, id: number, every: number): boolean {
  const now = performance.now();
  if (now - (last.get(id) ?? Number.NEGATIVE_INFINITY) < every) return false;
  last.set(id, now);
  return true;
}
