/**
 * What the server may do with spool.db: the queue, the ledger and the delivery settings. Short synchronous
 * transactions only. Both processes open the file; only the MTA claims and settles.
 */
import type {
  Control,
  ControlActionName,
  ControlScope,
  DeliveryClass,
  DeliverySettings,
  EnqueueRow,
  FoldRow,
  JobInput,
  JobLedgerRow,
  JobProgress,
  JobState,
  LedgerEvent,
  LedgerKind,
  LedgerRow,
  QueueLine,
  Throttle,
  TlsReportRow,
  WarmUpRow,
} from '../types.ts';

export interface LedgerFilter {
  jobId?: number | undefined;
  subscriberId?: number | undefined;
  recipient?: string | undefined;
  domain?: string | undefined;
  kinds?: LedgerKind[] | undefined;
  /** epoch ms, inclusive / exclusive */
  from?: number | undefined;
  to?: number | undefined;
}

/** An order; see `Control`. */
export interface ControlInput {
  scope: ControlScope;
  value: string;
  action: ControlActionName;
  routeId?: number | undefined;
  poolId?: number | undefined;
  reason: string;
  by: string;
  /** epoch ms, pause and reroute only; absent: until it is removed */
  until?: number | undefined;
}

/** Which lines of the queue; domains as the queue has them, in lower case and as A-labels. */
export interface QueueFilter {
  domain?: string | undefined;
  /** a part of the domain */
  search?: string | undefined;
  class?: DeliveryClass | undefined;
}

/** One job with all its recipients. */
export interface Submitted {
  jobId: number;
  /** in the order of the rows; empty when this ref was submitted before */
  deliveryIds: number[];
}

export interface Spool {
  /** Idempotent by `ref`: the same ref answers the first job's id. Durable when it returns. */
  createJob(input: JobInput): number;
  /**
   * Adds one chunk of recipients. `from` must be the job's cursor: a chunk that was already taken answers false and
   * adds nothing, so a caller that crashed simply goes on from `job(id).cursor`. Atomic and durable (synchronous=FULL).
   */
  enqueue(jobId: number, chunk: { from: number; to: number; rows: EnqueueRow[] }): boolean;
  /**
   * A whole job at once, as for one message: made, enqueued and sealed in one durable transaction (within `together` in its). Idempotent
   * by `ref`. `at`: epoch ms before which it does not leave, default now.
   */
  submit(input: JobInput, rows: EnqueueRow[], at?: number): Submitted;
  /** No more chunks will come: the job is done when settled = enqueued. */
  seal(jobId: number): void;
  /** cancelled is final. The MTA must be told by `{type:'job'}`. */
  setJobState(jobId: number, state: JobState): void;
  job(jobId: number): JobProgress | undefined;
  jobByRef(ref: string): JobProgress | undefined;

  /** Mail to this address that came by this list (0: any list) is settled as suppressed/unsubscribed, even when queued or claimed. */
  stop(address: string, listId: number): void;
  /** The person came back. */
  unstop(address: string, listId: number): void;
  /** Makes all calls within `work` (synchronous and short) one durable transaction: one wait for the disk. */
  together<T>(work: () => T): T;

  /** Durable when it returns: callers batch (group commit). Answers the last ledger id. */
  recordEvents(events: LedgerEvent[]): number;
  /** In id order, which is commit order: a fold that remembers the last id misses nothing. */
  readLedger(afterId: number, limit: number): LedgerRow[];
  /** Rows of some kinds and classes of mail with afterId < id ≤ throughId, each with its job; in id order, at most `limit`. */
  readLedgerOf(
    filter: { kinds: readonly LedgerKind[]; classes: readonly DeliveryClass[] },
    afterId: number,
    throughId: number,
    limit: number,
  ): JobLedgerRow[];
  /** The last id before that time, 0 when there is none. Exact but for what happened within the same moments. */
  ledgerIdBefore(at: number): number;
  /** The next `limit` ledger rows at most, for adding up: many times cheaper than reading each. `through`: the last id among them, `afterId` when there is none. */
  foldLedger(afterId: number, limit: number): { through: number; rows: FoldRow[] };
  /** Newest first; `beforeId` is the cursor. */
  searchLedger(filter: LedgerFilter, beforeId: number | undefined, limit: number): LedgerRow[];
  /** Bounces of a job by reason, with one reply each. */
  bounceReasons(jobId: number): { reason: string; count: number; sample: string }[];
  lastLedgerId(): number;
  /** Ledger rows by kind with afterId < id ≤ throughId, for metrics: kinds that did not occur are left out. */
  countLedger(afterId: number, throughId: number): Partial<Record<LedgerKind, number>>;

  /** Removes the person's queued mail and takes address, reply, ip and user agent out of the ledger; counts stay. Overwrites what was there. */
  erase(subscriberId: number, addresses: string[]): void;

  /** Kept in spool.db (0600) so that the MTA can start by itself; the MTA must be told by `{type:'settings'}`. */
  publishSettings(settings: DeliverySettings): void;
  settings(): DeliverySettings | undefined;
  /** Emergency stop; the MTA must be told by `{type:'settings'}`. Survives restarts. */
  setStopped(stopped: boolean): void;
  stopped(): boolean;

  /** Durable when it returns; the MTA must be told by `{type:'control'}`. Answers its id. */
  addControl(input: ControlInput): number;
  /** Takes a pause or a reroute back, or forgets one that is done; false: there is none. */
  removeControl(id: number): boolean;
  /** Newest first: all that are active, and the last 50 that are done. */
  controls(): Control[];
  /** Back-offs that hold now. */
  throttles(): Throttle[];
  /** Lets mail flow again before its time; false: there is none. The MTA must be told by `{type:'control'}`. */
  liftThrottle(id: number): boolean;
  warmUps(): WarmUpRow[];
  /** A source starts its warm-up anew, for one provider or for all. */
  resetWarmUp(source: string, provider?: string): void;
  /**
   * Days as YYYY-MM-DD, both inclusive. `limit`: so many (day, policy domain) with all their rows, those with failures and
   * newer ones first; default all.
   */
  tlsReport(
    from: string,
    to: string,
    options?: { domain?: string | undefined; limit?: number | undefined },
  ): TlsReportRow[];

  /** What is queued, by domain and class, without the live part: the biggest first. */
  queueLines(
    limit: number,
    filter?: QueueFilter,
    offset?: number,
  ): Omit<QueueLine, 'waiting' | 'inFlight' | 'connections' | 'lastReply' | 'lastReplyAt' | 'provider'>[];
  /** How many lines and recipient domains that makes, without a limit. Walks over all of them: 200,000 take some 50 ms. */
  queueSize(filter?: QueueFilter): { lines: number; domains: number };
  queued(): number;
  queuedByClass(): Record<DeliveryClass, number>;
  close(): void;
}
