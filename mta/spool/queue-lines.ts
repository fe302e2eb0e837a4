/**
 * What is queued, by domain and class. A queue may hold hundreds of thousands of domains and the queue screen asks every
 * second, so without a filter it is not added up as a whole: the biggest buckets are found by their index, and only their
 * domains are added up (with 200,000 buckets 3.5 ms of CPU instead of 140). What this leaves out is the long tail of
 * domains with a mail or two. Mail that is not bulk comes in small buckets and always counts. A search, or a page after the
 * first, is asked for by a person and looks at all of them.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { QueueFilter, Spool } from './api.ts';

type Lines = ReturnType<Spool['queueLines']>;

const BIGGEST = 2000;

const COLUMNS = `b.domain, j.class, sum(b.queued) AS queued, sum(b.queued - b.deferred) AS due,
  min(b.created_at) AS oldestAt, min((SELECT min(next_at) FROM queue WHERE bucket_id = b.id)) AS nextAt`;
const BY_DEPTH = 'ORDER BY queued DESC, b.domain, j.class';
const BUCKETS = 'bucket b CROSS JOIN job j ON j.id = b.job_id';

export function createQueueLines(db: Database): Pick<Spool, 'queueLines' | 'queueSize'> {
  // CROSS JOIN keeps the order: names first, then their buckets by index.
  const biggest = db.prepare(
    `WITH names AS (
       SELECT domain FROM (SELECT domain FROM bucket WHERE queued > 0 ORDER BY queued DESC LIMIT ${BIGGEST})
       UNION
       SELECT domain FROM (
         SELECT b.domain FROM job j CROSS JOIN bucket b ON b.job_id = j.id AND b.queued > 0
         WHERE (j.settled < j.enqueued OR j.sealed = 0) AND j.class <> 'bulk' LIMIT ${BIGGEST})
     )
     SELECT ${COLUMNS}
     FROM names CROSS JOIN bucket b ON b.domain = names.domain AND b.queued > 0 CROSS JOIN job j ON j.id = b.job_id
     GROUP BY b.domain, j.class ${BY_DEPTH} LIMIT ?`,
  );
  const filtered = filteredStatements((where) => {
    // First the page by depth, then the rest of it: the next attempt is looked up for the lines that are shown.
    return `WITH page AS (
         SELECT b.domain, j.class, sum(b.queued) AS queued FROM ${BUCKETS}
         WHERE ${where} GROUP BY b.domain, j.class ${BY_DEPTH} LIMIT :limit OFFSET :offset)
       SELECT ${COLUMNS}
       FROM page CROSS JOIN bucket b ON b.domain = page.domain AND b.queued > 0
         CROSS JOIN job j ON j.id = b.job_id AND j.class = page.class
       GROUP BY b.domain, j.class ${BY_DEPTH}`;
  }, db);
  const sizes = filteredStatements(
    (where) => `SELECT count(*) AS lines, count(DISTINCT domain) AS domains
       FROM (SELECT DISTINCT b.domain, j.class FROM ${BUCKETS} WHERE ${where})`,
    db,
  );
  return {
    queueLines: (limit, filter = {}, offset = 0) =>
      (isEmpty(filter) && offset === 0
        ? biggest.all(limit)
        : filtered(filter).all({ ...filter, limit, offset })) as Lines,
    queueSize: (filter = {}) => sizes(filter).get({ ...filter }) as ReturnType<Spool['queueSize']>,
  };
}

const isEmpty = ({ domain, search, class: kind }: QueueFilter): boolean =>
  domain === undefined && search === undefined && kind === undefined;

/** A statement for each set of conditions that is asked for, prepared when it first is. */
function filteredStatements(
  sql: (where: string) => string,
  db: Database,
): (filter: QueueFilter) => Statement {
  const prepared = new Map<string, Statement>();
  return ({ domain, search, class: kind }) => {
    const where = [
      'b.queued > 0',
      domain !== undefined && 'b.domain = :domain',
      search !== undefined && 'instr(b.domain, :search) > 0',
      kind !== undefined && 'j.class = :class',
    ]
      .filter(Boolean)
      .join(' AND ');
    let statement = prepared.get(where);
    if (!statement) {
      statement = db.prepare(sql(where));
      prepared.set(where, statement);
    }
    return statement;
  };
}
