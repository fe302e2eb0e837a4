/** A person whose values fill a preview or a test. */
import { eq } from 'drizzle-orm';
import { subscribers } from '../db/schema.ts';
import type { Db } from '../deps.ts';
import { AppError } from '../errors.ts';
import type { Person } from './freeze.ts';

/**
 * Without an id: a made-up person with every value empty, which shows what fallbacks are for.
 * @throws AppError `not-found`
 */
export function personFor(db: Db, subscriberId: number | undefined): Person {
  if (subscriberId === undefined) return { email: '', name: '', attributes: {} };
  const row = db
    .select({ email: subscribers.email, name: subscribers.name, attributes: subscribers.attributes })
    .from(subscribers)
    .where(eq(subscribers.id, subscriberId))
    .get();
  if (!row) throw new AppError('not-found', `There is no subscriber ${subscriberId}`);
  return row;
}
