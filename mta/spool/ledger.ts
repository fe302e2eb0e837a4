import type { Database, Statement } from 'better-sqlite3';
import type { DeliveryClass, FoldRow, JobLedgerRow, LedgerEvent, LedgerKind, LedgerRow } from '../types.ts';
import type { LedgerFilter } from './api.ts';

/** In the order of the columns, as a positional insert is the fastest. */
const INSERT = `INSERT INTO ledger
  (at, kind, job_id, delivery_id, subscriber_id, list_id, recipient, domain, provider, attempt, code, status, reason,
   phase, reply, mx, source_ip, tls, tls_policy, ms, link, ip, user_agent)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** Columns under the names of `LedgerRow`. */
const ROW = `id, at, kind, job_id AS jobId, delivery_id AS deliveryId, subscriber_id AS subscriberId, list_id AS listId,
  recipient, domain, provider, attempt, code, status, reason, phase, reply, mx, source_ip AS sourceIp, tls,
  tls_policy AS tlsPolicy, ms, link,
  ip, user_agent AS userAgent`;

/** What happy deliveries have in common: nearly all rows of a campaign, so they are added up where they lie. */
const HAPPY = `kind = 'delivered' AND attempt = 1`;
const MINUTE = 60_000;

/** Longer replies are cut: a hostile server must not fill the disk. */
const REPLY_MAX = 2000;

/** Prepares the one insert that every ledger row goes through. Answers the row's id. */
export function ledgerWriter(db: Database): (row: Omit<LedgerRow, 'id'>) => number {
  const insert = db.prepare(INSERT);
  return (row) =>
    insert.run(
      row.at,
      row.kind,
      row.jobId,
      row.deliveryId,
      row.subscriberId,
      row.listId,
      row.recipient,
      row.domain,
      row.provider,
      row.attempt,
      row.code,
      row.status,
      row.reason,
      row.phase,
      row.reply.length > REPLY_MAX ? row.reply.slice(0, REPLY_MAX) : row.reply,
      row.mx,
      row.sourceIp,
      row.tls,
      row.tlsPolicy,
      row.ms,
      row.link,
      row.ip,
      row.userAgent,
    ).lastInsertRowid as number;
}

/** A row that no session with a server stands behind, of whatever kind; what is known besides is laid over it. */
export function eventRow(event: Omit<LedgerEvent, 'kind'> & Pick<LedgerRow, 'kind'>): Omit<LedgerRow, 'id'> {
  return {
    ...event,
    recipient: '',
    domain: '',
    provider: '',
    attempt: 0,
    code: 0,
    status: '',
    reason: '',
    phase: 'none',
    reply: '',
    mx: '',
    sourceIp: '',
    tls: '',
    tlsPolicy: '',
    ms: 0,
    userAgent: event.userAgent.slice(0, 300),
  };
}

export class LedgerReader {
  readonly #db: Database;
  readonly #after: Statement;
  readonly #ofJobs: Statement;
  readonly #at: Statement;
  readonly #first: Statement;
  readonly #through: Statement;
  readonly #happy: Statement;
  readonly #others: Statement;
  readonly #last: Statement;
  readonly #reasons: Statement;
  readonly #counts: Statement;
  readonly #searches = new Map<string, Statement>();

  constructor(db: Database) {
    this.#db = db;
    this.#after = db.prepare(`SELECT ${ROW} FROM ledger WHERE id > ? ORDER BY id LIMIT ?`);
    // NOT INDEXED: a walk over the range of ids; the caller bounds it. + keeps the join from being turned round.
    this.#ofJobs = db.prepare(
      `SELECT ledger.*, job.ref, job.class,
         -- Readers' rows of a single mail: no subscriber tells who it was, but the outcome's row does. Its job is small.
         CASE WHEN ledger.recipient = '' AND ledger.subscriberId = 0 AND job.class = 'transactional' THEN coalesce(
           (SELECT recipient FROM ledger AS outcome
            WHERE job_id = ledger.jobId AND delivery_id = ledger.deliveryId AND recipient <> '' LIMIT 1), '')
         ELSE ledger.recipient END AS recipient
       FROM (
         SELECT ${ROW} FROM ledger NOT INDEXED
         WHERE id > ? AND id <= ? AND kind IN (SELECT value FROM json_each(?)) ORDER BY id
       ) AS ledger JOIN job ON job.id = +ledger.jobId
       WHERE job.class IN (SELECT value FROM json_each(?)) ORDER BY ledger.id LIMIT ?`,
    );
    this.#at = db.prepare('SELECT id, at FROM ledger WHERE id >= ? ORDER BY id LIMIT 1');
    this.#first = db.prepare('SELECT min(id) FROM ledger WHERE id > ?').pluck();
    this.#through = db.prepare('SELECT max(id) FROM ledger WHERE id < ?').pluck();
    // NOT INDEXED: a walk over the range of ids, whatever the planner thinks of the index by job
    this.#happy = db.prepare(
      `SELECT max(id) AS id, at - at % ${MINUTE} AS at, 'delivered' AS kind, job_id AS jobId, 0 AS subscriberId, 0 AS listId,
         '' AS recipient, provider, 1 AS attempt, '' AS reason, -1 AS link, 0 AS ms, count(*) AS count
       FROM ledger NOT INDEXED WHERE id > ? AND id <= ? AND ${HAPPY} GROUP BY job_id, provider, at - at % ${MINUTE}`,
    );
    this.#others = db.prepare(
      `SELECT id, at, kind, job_id AS jobId, subscriber_id AS subscriberId, list_id AS listId, recipient, provider, attempt, reason,
         link, ms, 1 AS count
       FROM ledger NOT INDEXED WHERE id > ? AND id <= ? AND NOT (${HAPPY}) ORDER BY id`,
    );
    // sqlite_sequence, not max(id): the same number, also after rows were pruned.
    this.#last = db.prepare(`SELECT seq FROM sqlite_sequence WHERE name = 'ledger'`).pluck();
    // ledger_bounce (job_id, reason) groups without a sort; SQLite's bare column is of the row with max(id).
    this.#reasons = db.prepare(
      `SELECT reason, count(*) AS count, reply AS sample, max(id) AS latest FROM ledger
       WHERE job_id = ? AND kind = 'bounced' GROUP BY reason ORDER BY count DESC`,
    );
    this.#counts = db.prepare(
      'SELECT kind, count(*) AS count FROM ledger WHERE id > ? AND id <= ? GROUP BY kind',
    );
  }

  counts(afterId: number, throughId: number): Partial<Record<LedgerKind, number>> {
    const rows = this.#counts.all(afterId, throughId) as { kind: LedgerKind; count: number }[];
    return Object.fromEntries(rows.map((row) => [row.kind, row.count]));
  }

  after(id: number, limit: number): LedgerRow[] {
    return this.#after.all(id, limit) as LedgerRow[];
  }

  ofJobs(
    filter: { kinds: readonly LedgerKind[]; classes: readonly DeliveryClass[] },
    afterId: number,
    throughId: number,
    limit: number,
  ): JobLedgerRow[] {
    const kinds = JSON.stringify(filter.kinds);
    return this.#ofJobs.all(
      afterId,
      throughId,
      kinds,
      JSON.stringify(filter.classes),
      limit,
    ) as JobLedgerRow[];
  }

  /** Times grow with ids but for the moments between an event and its commit, so it is found by halving. */
  lastBefore(at: number): number {
    let low = 0;
    let high = this.lastId();
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const row = this.#at.get(middle + 1) as { id: number; at: number } | undefined;
      if (row && row.at < at) low = row.id;
      else high = middle;
    }
    return low;
  }

  fold(afterId: number, limit: number): { through: number; rows: FoldRow[] } {
    const first = this.#first.get(afterId) as number | null;
    if (first === null) return { through: afterId, rows: [] };
    const through = this.#through.get(first + limit) as number;
    const rows = (statement: Statement): FoldRow[] => statement.all(afterId, through) as FoldRow[];
    return { through, rows: [...rows(this.#happy), ...rows(this.#others)] };
  }

  lastId(): number {
    return (this.#last.get() as number | undefined) ?? 0;
  }

  bounceReasons(jobId: number): { reason: string; count: number; sample: string }[] {
    const rows = this.#reasons.all(jobId) as { reason: string; count: number; sample: string }[];
    return rows.map(({ reason, count, sample }) => ({ reason, count, sample }));
  }

  /** Newest first. Each equality has an index that ends in the id, so a page is a short backward walk. */
  search(filter: LedgerFilter, beforeId: number | undefined, limit: number): LedgerRow[] {
    const where: string[] = [];
    const values: (string | number)[] = [];
    const add = (sql: string, ...value: (string | number)[]): void => {
      where.push(sql);
      values.push(...value);
    };
    if (filter.jobId !== undefined) add('job_id = ?', filter.jobId);
    if (filter.subscriberId !== undefined)
      add('subscriber_id = ? AND subscriber_id > 0', filter.subscriberId);
    if (filter.recipient !== undefined) add(`recipient = ? AND recipient <> ''`, filter.recipient);
    if (filter.domain !== undefined) add('domain = ?', filter.domain);
    if (filter.kinds?.length) add(`kind IN (${filter.kinds.map(() => '?').join(', ')})`, ...filter.kinds);
    if (filter.from !== undefined) add('at >= ?', filter.from);
    if (filter.to !== undefined) add('at < ?', filter.to);
    if (beforeId !== undefined) add('id < ?', beforeId);
    const sql = `SELECT ${ROW} FROM ledger ${where.length ? `WHERE ${where.join(' AND ')}` : ''} ORDER BY id DESC LIMIT ?`;
    let statement = this.#searches.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      this.#searches.set(sql, statement);
    }
    return statement.all(...values, limit) as LedgerRow[];
  }
}
