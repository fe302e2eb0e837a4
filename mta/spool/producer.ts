import type { Database } from 'better-sqlite3';
import { parseAddress } from '../message/address.ts';
import type {
  DeliveryClass,
  DeliverySettings,
  EnqueueRow,
  JobInput,
  JobProgress,
  JobState,
  LedgerEvent,
  LedgerRow,
} from '../types.ts';
import type { LedgerFilter, Spool, Submitted } from './api.ts';
import { eventRow, LedgerReader, ledgerWriter } from './ledger.ts';
import { createOrders } from './orders.ts';
import { createQueueLines } from './queue-lines.ts';
import { addressHash, pruneStops } from './stops.ts';

const JOB = `id, ref, state, cursor, sealed, enqueued, settled, delivered, bounced, suppressed`;

interface PreparedRow {
  domain: string;
  merge: string;
  row: EnqueueRow;
}

/** What needs no lock is done before it is taken: while it is held, the MTA cannot settle. */
function prepare(row: EnqueueRow): PreparedRow {
  const parsed = parseAddress(row.address);
  // A bad address still gets its row: the MTA settles it as bounced/syntax, so that every recipient is accounted for.
  return { domain: parsed.ok ? parsed.domain : '', merge: JSON.stringify(row.merge), row };
}

/** The server's side of the spool: it puts work in and reads what came of it. */
export function createSpool(db: Database): Spool {
  const nextSeq = db.prepare(`UPDATE meta SET value = value + 1 WHERE key = 'seq' RETURNING value`).pluck();
  const getMeta = db.prepare('SELECT value FROM meta WHERE key = ?').pluck();
  const setMeta = db.prepare('UPDATE meta SET value = ? WHERE key = ?');
  const insertJob = db.prepare(
    `INSERT INTO job (ref, class, content, created_at, pool_id) VALUES (?, ?, ?, ?, ?) ON CONFLICT (ref) DO NOTHING`,
  );
  const jobById = db.prepare(`SELECT ${JOB} FROM job WHERE id = ?`);
  const jobByRef = db.prepare(`SELECT ${JOB} FROM job WHERE ref = ?`);
  const setState = db.prepare(`UPDATE job SET state = ?, touched = ? WHERE id = ? AND state <> 'cancelled'`);
  const sealJob = db.prepare('UPDATE job SET sealed = 1 WHERE id = ?');
  const advance = db.prepare('UPDATE job SET cursor = ?, enqueued = enqueued + ? WHERE id = ?');
  const bucketOf = db
    .prepare(
      `INSERT INTO bucket (job_id, domain, touched, created_at) VALUES (?, ?, ?, ?)
       ON CONFLICT (job_id, domain) DO UPDATE SET touched = excluded.touched RETURNING id`,
    )
    .pluck();
  const addQueued = db.prepare('UPDATE bucket SET queued = queued + ? WHERE id = ?');
  const insertQueue = db.prepare(
    `INSERT INTO queue (bucket_id, next_at, created_at, subscriber_id, list_id, address, merge) VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  const upsertStop = db.prepare(
    `INSERT INTO stop (address_hash, list_id, seq, active, erased, at) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (address_hash, list_id) DO UPDATE SET
       seq = excluded.seq, active = excluded.active, erased = max(erased, excluded.erased), at = excluded.at`,
  );
  const queuedOf = db.prepare(
    `SELECT q.id, q.attempts, q.list_id AS listId, b.id AS bucketId, b.job_id AS jobId, b.domain, q.address = ? AS own
     FROM bucket b JOIN queue q ON q.bucket_id = b.id
     WHERE b.domain = ? AND b.queued > 0 AND (q.subscriber_id = ? OR q.address = ?)`,
  );
  const deleteQueue = db.prepare('DELETE FROM queue WHERE id = ?');
  const dropQueued = db.prepare(
    'UPDATE bucket SET queued = queued - 1, deferred = deferred - ? WHERE id = ?',
  );
  const countSuppressed = db.prepare(
    'UPDATE job SET settled = settled + 1, suppressed = suppressed + 1 WHERE id = ?',
  );
  const blankBySubscriber = db.prepare(
    `UPDATE ledger SET recipient = '', reply = '', ip = '', user_agent = '' WHERE subscriber_id = ? AND subscriber_id > 0`,
  );
  const blankByAddress = db.prepare(
    `UPDATE ledger SET recipient = '', reply = '', ip = '', user_agent = '' WHERE recipient = ? AND recipient <> ''`,
  );
  // Written to one person, so it may name them; a bulk mail's content names nobody.
  const blankContent = db.prepare(
    `UPDATE job SET content = '{}' WHERE class <> 'bulk' AND (enqueued = 1 OR settled >= enqueued)
     AND id IN (SELECT job_id FROM ledger WHERE recipient = @address AND recipient <> '' UNION SELECT value FROM json_each(@jobs))`,
  );
  const outstanding = db.prepare(
    'SELECT class, sum(enqueued - settled) AS queued FROM job WHERE settled < enqueued GROUP BY class',
  );
  const reader = new LedgerReader(db);
  const write = ledgerWriter(db);

  function addJob(input: JobInput): JobProgress {
    insertJob.run(input.ref, input.class, JSON.stringify(input.content), Date.now(), input.poolId ?? null);
    return job(jobByRef.get(input.ref))!;
  }

  function job(row: unknown): JobProgress | undefined {
    if (!row) return undefined;
    const found = row as Omit<JobProgress, 'sealed'> & { sealed: number };
    return { ...found, sealed: found.sealed === 1 };
  }

  /** `at`: epoch ms of the first attempt, from which on it may wait for its delivery */
  function add(jobId: number, to: number, rows: readonly PreparedRow[], at: number): number[] {
    const seq = nextSeq.get() as number;
    const buckets = new Map<string, { id: number; rows: number }>();
    const ids: number[] = [];
    for (const { domain, merge, row } of rows) {
      let bucket = buckets.get(domain);
      if (bucket === undefined) {
        bucket = { id: bucketOf.get(jobId, domain, seq, Date.now()) as number, rows: 0 };
        buckets.set(domain, bucket);
      }
      bucket.rows += 1;
      const { subscriberId, listId, address } = row;
      const inserted = insertQueue.run(bucket.id, at, at, subscriberId, listId, address, merge);
      ids.push(inserted.lastInsertRowid as number);
    }
    for (const bucket of buckets.values()) addQueued.run(bucket.rows, bucket.id);
    advance.run(to, rows.length, jobId);
    return ids;
  }

  const enqueue = db.transaction((jobId: number, from: number, to: number, rows: PreparedRow[]): boolean => {
    const found = job(jobById.get(jobId));
    if (!found) throw new Error(`enqueue: there is no job ${jobId}`);
    if (found.cursor !== from || found.state === 'cancelled' || found.sealed) return false;
    add(jobId, to, rows, Date.now());
    return true;
  });

  const submit = db.transaction((input: JobInput, rows: PreparedRow[], at: number): Submitted => {
    const { id: jobId, sealed } = addJob(input);
    // The same ref again: its rows are there already, and maybe gone.
    if (sealed) return { jobId, deliveryIds: [] };
    const deliveryIds = add(jobId, rows.length, rows, at);
    sealJob.run(jobId);
    return { jobId, deliveryIds };
  });

  const stop = db.transaction((address: string, listId: number, active: boolean, erased: boolean) => {
    const now = Date.now();
    upsertStop.run(addressHash(address), listId, nextSeq.get(), active ? 1 : 0, erased ? 1 : 0, now);
  });

  const changeState = db.transaction((jobId: number, state: JobState) => {
    setState.run(state, nextSeq.get(), jobId);
  });

  const record = db.transaction((events: LedgerEvent[]): number => {
    let last = 0;
    for (const event of events) last = write(eventRow(event));
    return last;
  });

  const erase = db.transaction((subscriberId: number, addresses: string[]) => {
    const now = Date.now();
    for (const address of addresses) {
      stop(address, 0, true, true);
      const parsed = parseAddress(address);
      // Read once, as it walks all that is queued for the domain.
      const rows = queuedOf.all(address, parsed.ok ? parsed.domain : '', subscriberId || -1, address) as {
        /** 1: to this address, not only to this person */
        own: number;
        id: number;
        attempts: number;
        listId: number;
        bucketId: number;
        jobId: number;
        domain: string;
      }[];
      const jobs = rows.filter(({ own }) => own === 1).map(({ jobId }) => jobId);
      blankContent.run({ address, jobs: JSON.stringify(jobs) });
      blankByAddress.run(address);
      for (const row of rows) {
        deleteQueue.run(row.id);
        dropQueued.run(row.attempts > 0 ? 1 : 0, row.bucketId);
        countSuppressed.run(row.jobId);
        write({
          ...eventRow({
            kind: 'suppressed',
            at: now,
            jobId: row.jobId,
            deliveryId: row.id,
            subscriberId,
            listId: row.listId,
            link: -1,
            ip: '',
            userAgent: '',
          }),
          reason: 'unsubscribed',
          attempt: row.attempts,
          domain: row.domain,
        });
      }
    }
    if (subscriberId > 0) blankBySubscriber.run(subscriberId);
  });

  return {
    ...createOrders(db),

    createJob: (input) => addJob(input).id,
    submit: (input, rows, at = Date.now()) => submit.immediate(input, rows.map(prepare), at),
    enqueue: (jobId, chunk) => enqueue.immediate(jobId, chunk.from, chunk.to, chunk.rows.map(prepare)),
    seal: (jobId) => void sealJob.run(jobId),
    setJobState: (jobId: number, state: JobState) => changeState.immediate(jobId, state),
    job: (jobId) => job(jobById.get(jobId)),
    jobByRef: (ref) => job(jobByRef.get(ref)),

    stop(address, listId) {
      stop.immediate(address, listId, true, false);
    },
    unstop(address, listId) {
      stop.immediate(address, listId, false, false);
    },
    together: (work) => db.transaction(work).immediate(),

    recordEvents: (events) => record.immediate(events),
    readLedger: (afterId, limit): LedgerRow[] => reader.after(afterId, limit),
    readLedgerOf: (filter, afterId, throughId, limit) => reader.ofJobs(filter, afterId, throughId, limit),
    ledgerIdBefore: (at) => reader.lastBefore(at),
    foldLedger: (afterId, limit) => reader.fold(afterId, limit),
    searchLedger: (filter: LedgerFilter, beforeId, limit) => reader.search(filter, beforeId, limit),
    bounceReasons: (jobId) => reader.bounceReasons(jobId),
    lastLedgerId: () => reader.lastId(),
    countLedger: (afterId, throughId) => reader.counts(afterId, throughId),

    erase(subscriberId, addresses) {
      erase.immediate(subscriberId, addresses);
      pruneStops(db, Date.now());
      db.pragma('wal_checkpoint(TRUNCATE)');
    },

    publishSettings(settings: DeliverySettings) {
      setMeta.run(JSON.stringify(settings), 'settings');
    },
    settings() {
      const value = getMeta.get('settings') as string | null;
      return value ? (JSON.parse(value) as DeliverySettings) : undefined;
    },
    setStopped: (stopped) => void setMeta.run(stopped ? 1 : 0, 'stopped'),
    stopped: () => getMeta.get('stopped') === 1,

    ...createQueueLines(db),
    queued() {
      const rows = outstanding.all() as { queued: number }[];
      return rows.reduce((sum, row) => sum + row.queued, 0);
    },
    queuedByClass() {
      const byClass: Record<DeliveryClass, number> = { transactional: 0, test: 0, bulk: 0 };
      for (const row of outstanding.all() as { class: DeliveryClass; queued: number }[])
        byClass[row.class] = row.queued;
      return byClass;
    },
    close: () => db.close(),
  };
}
