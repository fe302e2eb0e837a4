/**
 * What is queued, by domain and class. A queue may hold hundreds of thousands of domains and the queue screen asks every
 * second, so it is not added up as a whole: the biggest buckets are found by their index, and only their domains are
 * added up (with 200,000 buckets 3.5 ms of CPU instead of 140). What this leaves out is the long tail of domains with a
 * mail or two. Mail that is not bulk comes in small buckets and always counts.
 */
import type { Database } from 'better-sqlite3';
import type { Spool } from './api.ts';

type Lines = ReturnType<Spool['queueLines']>;

const BIGGEST = 2000;

const COLUMNS = `b.domain, j.class, sum(b.queued) AS queued, sum(b.queued - b.deferred) AS due,
  min(b.created_at) AS oldestAt, min((SELECT min(next_at) FROM queue WHERE bucket_id = b.id)) AS nextAt`;

export function createQueueLines(db: Database): Spool['queueLines'] {
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
     GROUP BY b.domain, j.class ORDER BY queued DESC, b.domain, j.class LIMIT ?`,
  );
  const ofDomain = db.prepare(
    `SELECT ${COLUMNS} FROM bucket b JOIN job j ON j.id = b.job_id
     WHERE b.domain = ? AND b.queued > 0 GROUP BY j.class ORDER BY queued DESC, j.class LIMIT ?`,
  );
  return (limit, domain) =>
    (domain === undefined ? biggest.all(limit) : ofDomain.all(domain, limit)) as Lines;
}
