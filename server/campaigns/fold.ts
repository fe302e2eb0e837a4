/**
 * Folds the ledger into campaign statistics, suppressions and the end of campaigns, in the worker thread. The cursor
 * moves in the same transaction as the counters, so a row is counted exactly once whatever happens; what is done
 * besides (stops in the spool, memberships) is idempotent and done before, so that a crash repeats it and loses nothing.
 */
import type { Statement } from 'better-sqlite3';
import { eq, sql } from 'drizzle-orm';
import type { FoldRow } from '../../mta/index.ts';
import { campaignStats, campaigns } from '../db/schema.ts';
import type { WorkerContext } from '../worker.ts';
import { FoldEffects } from './fold-effects.ts';
import { campaignHeads, unsettledCampaigns } from './store.ts';
import { tally } from './tally.ts';
import { TallyWriter } from './tally-writer.ts';
import { summaries } from './view.ts';

const CURSOR = 'campaigns';
const BATCH = 5000;
/** ms between two looks while mails are settled all the time: each is a durable write that the sender's has to wait for */
const REST = 100;
/** ms between two looks at the ledger when nobody wakes us */
const HEARTBEAT = 250;
/** ms between two live events of a campaign */
const SHOW_EVERY = 500;
/** ms between two reports of a failing fold */
const REPORT_EVERY = 60_000;
/** Jobs whose campaign is remembered; a miss costs one look-up. */
const JOBS_KEPT = 10_000;

export class Fold {
  readonly #context: WorkerContext;
  readonly #effects: FoldEffects;
  readonly #writer: TallyWriter;
  readonly #cursor: Statement;
  readonly #setCursor: Statement;
  readonly #campaignOf: Statement;
  readonly #commit: (rows: readonly FoldRow[], through: number) => void;
  /** jobId → campaign, undefined: none of ours */
  readonly #jobs = new Map<number, number | undefined>();
  /** campaignId → what every screen was told last */
  readonly #shown = new Map<number, string>();
  /** moved since the last live events */
  readonly #moved = new Set<number>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #rest: NodeJS.Timeout | undefined;
  #restUntil = 0;
  /** woken since the run that goes on began */
  #again = false;
  #stopped = false;
  /** ms of the monotonic clock: a clock that is set back must not silence anybody */
  #shownAt = Number.NEGATIVE_INFINITY;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(context: WorkerContext) {
    const { db, spool } = context;
    this.#context = context;
    this.#effects = new FoldEffects(db, spool);
    this.#writer = new TallyWriter(db);
    this.#cursor = db.$client.prepare('SELECT ledger_id FROM fold_cursors WHERE name = ?').pluck();
    this.#setCursor = db.$client.prepare(
      `INSERT INTO fold_cursors (name, ledger_id) VALUES (?, ?)
       ON CONFLICT (name) DO UPDATE SET ledger_id = excluded.ledger_id`,
    );
    this.#campaignOf = db.$client.prepare('SELECT id FROM campaigns WHERE job_id = ?').pluck();
    const commit = db.$client.transaction((rows: readonly FoldRow[], through: number) =>
      this.#apply(rows, through),
    );
    this.#commit = (rows, through) => commit.immediate(rows, through);
  }

  /** The ledger may have grown. The first call starts the heartbeat, which also sees what nobody told us. */
  wake(): void {
    if (this.#stopped) return;
    this.#timer ??= setInterval(() => this.wake(), HEARTBEAT);
    this.#again = true;
    if (this.#running || this.#rest) return;
    this.#rest = setTimeout(
      () => {
        this.#rest = undefined;
        this.#running = this.#run().finally(() => {
          this.#running = undefined;
          this.#restUntil = performance.now() + REST;
          if (this.#again) this.wake();
        });
      },
      Math.max(0, this.#restUntil - performance.now()),
    );
  }

  /** Resolves when the batch at hand is written. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    clearTimeout(this.#rest);
    await this.#running;
  }

  async #run(): Promise<void> {
    this.#again = false;
    try {
      do {
        while (!this.#stopped && this.#foldBatch()) {
          this.#publish();
          await this.#context.breathe();
        }
      } while (!this.#stopped && this.#finishSettled());
      if (!this.#stopped) this.#publish();
    } catch (error) {
      // A locked database or a full disk passes: the heartbeat tries again from the same cursor.
      if (performance.now() - this.#reportedAt < REPORT_EVERY) return;
      this.#reportedAt = performance.now();
      this.#context.failed(error);
    }
  }

  #position(): number {
    return (this.#cursor.get(CURSOR) as number | undefined) ?? 0;
  }

  /** False: there was nothing to fold. */
  #foldBatch(): boolean {
    const { through, rows } = this.#context.spool.foldLedger(this.#position(), BATCH);
    if (rows.length === 0) return false;
    if (this.#effects.apply(rows, (jobId) => this.#campaign(jobId))) this.#context.mta({ type: 'stops' });
    this.#commit(rows, through);
    return true;
  }

  #apply(rows: readonly FoldRow[], through: number): void {
    const tallies = tally(rows, (jobId) => this.#campaign(jobId));
    for (const [campaignId, campaign] of tallies) {
      this.#writer.write(campaignId, campaign);
      this.#moved.add(campaignId);
    }
    this.#setCursor.run(CURSOR, through);
  }

  #campaign(jobId: number): number | undefined {
    if (!this.#jobs.has(jobId)) {
      if (this.#jobs.size >= JOBS_KEPT) this.#jobs.clear();
      this.#jobs.set(jobId, this.#campaignOf.get(jobId) as number | undefined);
    }
    return this.#jobs.get(jobId);
  }

  /**
   * Ends campaigns of which every mail is settled and folded. A paused one ends too when its last mails were on their
   * way: there is nothing left to resume. A cancelled one keeps its state and gets its `finishedAt`. True: the ledger
   * grew meanwhile, so look again.
   */
  #finishSettled(): boolean {
    const { db, spool } = this.#context;
    const settled = unsettledCampaigns(db).filter(({ jobId }) => {
      const job = jobId === null ? undefined : spool.job(jobId);
      return job?.sealed && job.settled >= job.enqueued;
    });
    if (settled.length === 0) return false;
    // Job counters and ledger rows are committed together: if nothing is unread after the counters were seen, their
    // last row is folded.
    if (spool.readLedger(this.#position(), 1).length > 0) return true;
    db.transaction(
      (tx) => {
        for (const { id } of settled) {
          // The state is looked at here: a cancel may have come in since.
          tx.update(campaigns)
            .set({
              state: sql`CASE state WHEN 'cancelled' THEN state ELSE 'finished' END`,
              finishedAt: Date.now(),
              updatedAt: Date.now(),
            })
            .where(eq(campaigns.id, id))
            .run();
          tx.update(campaignStats).set({ deferred: 0 }).where(eq(campaignStats.campaignId, id)).run();
        }
      },
      { behavior: 'immediate' },
    );
    for (const { id } of settled) this.#moved.add(id);
    return false;
  }

  /** Tells every screen what moved, at most twice a second: by the fold, or by the enqueueing beside it. */
  #publish(): void {
    if (performance.now() - this.#shownAt < SHOW_EVERY) return;
    this.#shownAt = performance.now();
    const { db, spool, live } = this.#context;
    const open = unsettledCampaigns(db);
    const known = new Set(open.map(({ id }) => id));
    const rest = campaignHeads(
      db,
      [...this.#moved].filter((id) => !known.has(id)),
    );
    this.#moved.clear();
    for (const data of summaries(db, spool, [...open, ...rest])) {
      const json = JSON.stringify(data);
      if (this.#shown.get(data.id) === json) continue;
      live({ type: 'campaign', data });
      if (known.has(data.id)) this.#shown.set(data.id, json);
      else this.#shown.delete(data.id);
    }
  }
}
