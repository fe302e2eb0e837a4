/** Every hour: keys whose time is over are ended, and the records of domains that were checked before are looked up again when a day has passed. */
import { isNotNull } from 'drizzle-orm';
import { auditSystem } from '../audit/audit.ts';
import { sendingDomains } from '../db/schema.ts';
import { sweepRetired } from './dkim-keys.ts';
import type { DnsLookup } from './dns-lookup.ts';
import { type Context, checkDomain, getDomain } from './sending-domains.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

type WithDns = <T>(work: (lookup: DnsLookup) => Promise<T>) => Promise<T>;

/**
 * One look at what is due: each day, and sooner what is wanted anew (another pool, another key). A domain that is no longer ready, or is ready again, gets an entry in the audit log: a record
 * that somebody removed is found there before providers refuse mail.
 */
export async function watchDomains(context: Context, withDns: WithDns, now: number): Promise<void> {
  sweepRetired(context.db, now);
  const checked = context.db
    .select({ id: sendingDomains.id, checkedAt: sendingDomains.checkedAt })
    .from(sendingDomains)
    .where(isNotNull(sendingDomains.checkedAt))
    .all();
  for (const { id, checkedAt } of checked) {
    const before = getDomain(context, id);
    const changed = before.records.some(({ required, state }) => required && state === 'unchecked');
    if (!changed && checkedAt! > now - DAY) continue;
    const after = await withDns((lookup) => checkDomain(context, id, lookup));
    if (after.state === before.state) continue;
    auditSystem(context.db, 'daily-check', 'sending-domain.state', `sending-domain:${id}`, {
      domain: after.domain,
      state: after.state,
      missing: after.missing,
    });
  }
}

/** Looks every hour; the answer ends it, once a look under way is over. */
export function startDomainWatch(context: Context, withDns: WithDns): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    running = watchDomains(context, withDns, Date.now())
      // A domain that was deleted meanwhile, a locked database: the next hour's look does it.
      .catch(() => undefined)
      .finally(() => {
        busy = false;
      });
  }, HOUR);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}
