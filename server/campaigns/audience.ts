/** Who would get a campaign if it started now, and who would not and why. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Db } from '../deps.ts';
import type { Audience } from './schemas.ts';

/** Subscriber ids that one step looks at: about 50 ms, so that a million members do not hold up other requests. */
const STEP = 100_000;

interface Members {
  /** in any state */
  people: number;
  /** subscribed to one of the lists at least */
  subscribed: number;
  /** subscribed, all lists added up */
  memberships: number;
}

/**
 * Exact. Members of several lists are one recipient; somebody who left one of them still gets it by the other.
 * Measured with 1,000,000 members and 20,000 suppressions on 2 cores: one list 60 ms, two lists 0.6 s in slices.
 */
export async function countAudience(db: Db, listIds: readonly number[]): Promise<Audience> {
  if (listIds.length === 0) return { recipients: 0, excluded: [] };
  const { people, subscribed, memberships } =
    listIds.length === 1 ? oneList(db, listIds[0]!) : await severalLists(db, listIds);
  // From the suppressions' side, as they are few beside the subscribers. Two scopes of one address are one person.
  const suppressed = db.$client
    .prepare(
      `SELECT count(DISTINCT s.id) FROM suppressions x CROSS JOIN subscribers s ON s.email_key = x.email_key
       WHERE EXISTS (SELECT 1 FROM memberships m WHERE m.subscriber_id = s.id AND m.state = 'subscribed'
                     AND m.list_id IN (SELECT value FROM json_each(?)))`,
    )
    .pluck()
    .get(JSON.stringify(listIds)) as number;
  const excluded: Audience['excluded'] = [
    { reason: 'unsubscribed', count: people - subscribed },
    { reason: 'suppressed', count: suppressed },
    { reason: 'duplicate', count: memberships - subscribed },
  ];
  return { recipients: subscribed - suppressed, excluded: excluded.filter(({ count }) => count > 0) };
}

/** The list's own counters are kept right by triggers. */
function oneList(db: Db, listId: number): Members {
  const row = db.$client.prepare('SELECT subscribed, unsubscribed FROM lists WHERE id = ?').get(listId) as
    | { subscribed: number; unsubscribed: number }
    | undefined;
  const { subscribed, unsubscribed } = row ?? { subscribed: 0, unsubscribed: 0 };
  return { people: subscribed + unsubscribed, subscribed, memberships: subscribed };
}

async function severalLists(db: Db, listIds: readonly number[]): Promise<Members> {
  const lists = JSON.stringify(listIds);
  const maxId = db.$client.prepare('SELECT max(id) FROM subscribers').pluck().get() as number | null;
  const step = db.$client.prepare(
    `SELECT count(*) AS people, coalesce(sum(subscribed > 0), 0) AS subscribed, coalesce(sum(subscribed), 0) AS memberships
     FROM (SELECT sum(state = 'subscribed') AS subscribed FROM memberships
           WHERE list_id IN (SELECT value FROM json_each(?)) AND subscriber_id > ? AND subscriber_id <= ?
           GROUP BY subscriber_id)`,
  );
  const sum: Members = { people: 0, subscribed: 0, memberships: 0 };
  for (let from = 0; from < (maxId ?? 0); from += STEP) {
    const row = step.get(lists, from, from + STEP) as Members;
    sum.people += row.people;
    sum.subscribed += row.subscribed;
    sum.memberships += row.memberships;
    await nextTurn();
  }
  return sum;
}
