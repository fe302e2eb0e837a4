import type { BucketRow, Claims, QueueRow } from '../spool/claim.ts';
import type { WaitReason } from '../types.ts';
import type { Destination } from './destinations.ts';
import type { Group } from './group.ts';
import type { Job } from './jobs.ts';
import type { Site } from './site.ts';

/** Why a bucket is in nobody's line, and until when (epoch ms) as far as is known. */
export interface Hold {
  reason: Extract<WaitReason, 'paused-by-operator' | 'sending-domain-paused' | 'no-pool'>;
  until: number | null;
}

/** One job's mails for one domain, as the MTA holds them in memory: at most a batch of rows, whatever the queue's length. */
export class Bucket {
  readonly id: number;
  readonly job: Job;
  readonly domain: string;
  /** epoch ms of the next attempt as far as is known; null: nothing waits (or all of it is claimed) */
  nextAt: number | null;
  /** rows that are claimed: read, in flight, or settled but not yet committed */
  claimed = 0;
  /** where its mail goes, as it was found last, before any order is looked at */
  destination: Destination | undefined;
  /** whose line it stands in, or stood in last */
  group: Group | undefined;
  provider = 'generic';
  resolving = false;
  /** it must not be sent, so it stands in no line */
  hold: Hold | undefined;
  /** epoch ms: look-ups fail, nothing is tried before */
  holdUntil = 0;
  /** what was last said about its mail, when it was not a delivery */
  lastReply = '';
  lastReplyAt: number | null = null;
  #ready: QueueRow[] = [];

  constructor(row: BucketRow, job: Job) {
    this.id = row.id;
    this.job = job;
    this.domain = row.domain;
    this.nextAt = row.nextAt;
  }

  /** The next due row, claimed; undefined when nothing is due now. At most `batch` rows are read at once. */
  take(claims: Claims, claimed: Set<number>, now: number, batch: number): QueueRow | undefined {
    if (this.#ready.length === 0) {
      const rows = claims.due(this.id, now, batch, claimed, this.claimed);
      for (const row of rows) claimed.add(row.id);
      this.claimed += rows.length;
      // Taken from the end, which is cheaper than from the front.
      this.#ready = rows.reverse();
    }
    return this.#ready.pop();
  }

  /** Claims rows to settle them without sending: whatever has not left yet, due or not, and is not newer than `through`. */
  takeAny(claims: Claims, claimed: Set<number>, limit: number, through: number): QueueRow[] {
    const rows = this.#ready.filter(({ id }) => id <= through);
    if (rows.length > 0) this.#ready = this.#ready.filter(({ id }) => id > through);
    if (rows.length >= limit) return rows;
    const more = claims.any(this.id, limit - rows.length, claimed, this.claimed, through);
    for (const row of more) claimed.add(row.id);
    this.claimed += more.length;
    return rows.concat(more);
  }

  /** A claimed row goes back unsent and is the next to be taken. */
  giveBack(row: QueueRow): void {
    this.#ready.push(row);
  }

  /** Gives all unsent rows back to the spool (pause, new settings). */
  release(claimed: Set<number>): void {
    for (const row of this.#ready) claimed.delete(row.id);
    this.claimed -= this.#ready.length;
    if (this.#ready.length > 0) this.nextAt = 0;
    this.#ready = [];
  }

  get site(): Site | undefined {
    return this.group?.site;
  }

  /** It stands in line. */
  get waiting(): boolean {
    return this.group?.has(this) ?? false;
  }

  /** Taken and not yet settled on disk: what is merely read ahead is still waiting. */
  get inFlight(): number {
    return this.claimed - this.#ready.length;
  }

  /** The row is read and waits for a courier. */
  isReady(rowId: number): boolean {
    return this.#ready.some(({ id }) => id === rowId);
  }

  said(reply: string, now: number): void {
    this.lastReply = reply;
    this.lastReplyAt = now;
  }

  /** A row was settled and its outcome is on disk. */
  committed(retryAt: number | null): void {
    this.claimed -= 1;
    if (retryAt !== null && (this.nextAt === null || retryAt < this.nextAt)) this.nextAt = retryAt;
  }
}
