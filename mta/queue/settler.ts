import type { QueueRow } from '../spool/claim.ts';
import type { GroupCommit } from '../spool/settle.ts';
import { Stops } from '../spool/stops.ts';
import type { Bucket } from './bucket.ts';
import type { Gate } from './gate.ts';
import type { Holdings } from './holdings.ts';
import { isExpired } from './retry.ts';
import { Returns, returnedBy } from './returns.ts';
import {
  STOPPED,
  type SuppressedVerdict,
  settlementOf,
  unsendableVerdict,
  type Verdict,
  type Where,
} from './settlement.ts';
import type { Throughput } from './throughput.ts';

/** rows settled without sending (stopped, expired, cancelled) before the event loop gets its turn */
export const SLICE = 500;

/** Gives mails their outcome: into the group commit, and out of the lines. */
export class Settler {
  stops = new Stops();
  /** mail that operators want back */
  readonly returns = new Returns();
  readonly #holdings: Holdings;
  readonly #gate: Gate;
  readonly #commit: GroupCommit;
  readonly #throughput: Throughput;
  /** ms since then (epoch ms) in which no mail could leave */
  readonly #lost: (since: number) => number;

  constructor(
    holdings: Holdings,
    gate: Gate,
    commit: GroupCommit,
    throughput: Throughput,
    lost: (since: number) => number,
  ) {
    this.#holdings = holdings;
    this.#gate = gate;
    this.#commit = commit;
    this.#throughput = throughput;
    this.#lost = lost;
  }

  /** `retryIn`: ms to the next try instead of the schedule's. */
  settle(
    bucket: Bucket,
    row: QueueRow,
    verdict: Verdict | SuppressedVerdict,
    where?: Where,
    more?: { erased?: boolean; retryIn?: number | undefined },
  ): void {
    this.#throughput.count();
    // Before what was lost is looked up, which may find that the clock was set.
    const now = Date.now();
    this.#commit.add(
      settlementOf({
        bucket,
        row,
        verdict,
        where,
        erased: more?.erased,
        retryIn: more?.retryIn,
        retry: this.#gate.settings!.retry,
        lost: verdict.kind === 'deferred' ? this.#lost(row.createdAt) : 0,
        now,
        random: Math.random(),
      }),
    );
  }

  /** Mails that must not or cannot be sent at all; answers whether this was one. */
  unsent(bucket: Bucket, row: QueueRow): boolean {
    if (this.stopped(bucket, row)) return true;
    const verdict = unsendableVerdict(row);
    if (verdict) this.settle(bucket, row, verdict);
    return verdict !== undefined;
  }

  /** Settles the mail of somebody who left meanwhile, and what an operator wants back. */
  stopped(bucket: Bucket, row: QueueRow): boolean {
    const stop = this.stops.match(row.address, row.listId);
    if (stop) {
      this.settle(bucket, row, STOPPED, undefined, { erased: stop.erased });
      return true;
    }
    const order = this.returns.take(row.id);
    if (order) this.settle(bucket, row, returnedBy(order));
    return order !== undefined;
  }

  expired(row: QueueRow, now: number): boolean {
    const { retry } = this.#gate.settings!;
    // What is young by the clock is so with what was lost besides.
    return (
      isExpired(retry, row.createdAt, now) && isExpired(retry, row.createdAt + this.#lost(row.createdAt), now)
    );
  }

  /** Settles rows that are due as `decide` says until it answers undefined or none is left; false: there are more. */
  slice(bucket: Bucket, now: number, decide: (row: QueueRow) => Verdict | undefined): boolean {
    for (let n = 0; n < SLICE; n += 1) {
      const row = this.#holdings.take(bucket, now);
      if (!row) {
        this.#holdings.rest(bucket, now);
        return true;
      }
      if (this.unsent(bucket, row)) continue;
      const verdict = decide(row);
      if (!verdict) {
        bucket.giveBack(row);
        this.#holdings.release(bucket);
        return true;
      }
      this.settle(bucket, row, verdict);
    }
    this.#holdings.release(bucket);
    // The next tick goes on.
    bucket.nextAt = 0;
    return false;
  }

  /**
   * No connection could be had for these buckets: one mail bears the attempt, the others wait without losing one, and those whose time is
   * over are given up. In slices, as there may be 100,000 domains behind one relay; nothing stays read, as the wait may be long.
   */
  witness(buckets: readonly Bucket[], verdict: Verdict, where: Where): void {
    let at = 0;
    let borne = false;
    const slice = (): void => {
      const now = Date.now();
      for (let n = 0; n < SLICE; n += 1) {
        const bucket = buckets[at];
        if (!bucket || !this.#gate.open) return;
        const may = bucket.job.state === 'active' && bucket.waiting;
        const row = may ? this.#holdings.take(bucket, now) : undefined;
        if (row && this.unsent(bucket, row)) continue;
        if (row && (!borne || this.expired(row, now))) {
          borne = true;
          this.settle(bucket, row, verdict, where);
          continue;
        }
        if (row) bucket.giveBack(row);
        this.#holdings.release(bucket);
        bucket.said(verdict.reply, now);
        at += 1;
      }
      setImmediate(slice);
    };
    slice();
  }
}
