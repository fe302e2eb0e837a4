/** What a sending domain's mail leaves by: the addresses that its SPF record must allow and that need a name. */
import { and, inArray, isNotNull } from 'drizzle-orm';
import { type DeliverySettings, parseAddress } from '../../mta/index.ts';
import { campaigns, type sendingDomains } from '../db/schema.ts';
import type { Db } from '../deps.ts';
import type { SourceAddress } from './dns-records.ts';

type Row = Pick<typeof sendingDomains.$inferSelect, 'domain' | 'poolId'>;

/**
 * The addresses of its own pool, else of the classes' pools (the system's choice for a class without one), then of pools that only campaigns
 * name which send from it or may yet: their mail would fail SPF otherwise, and nobody would have been told.
 */
export function sourcesOf(
  db: Db,
  row: Row,
  settings: DeliverySettings | undefined,
  ehloName: string,
): SourceAddress[] {
  const { transactional, test, bulk } = settings?.classPools ?? {};
  const own = row.poolId === null ? [transactional, test, bulk] : [row.poolId];
  const all = [...new Set([...own, ...campaignPools(db, row.domain)])].flatMap((id): SourceAddress[] => {
    const pool = id === undefined ? undefined : settings?.pools?.find((one) => one.id === id);
    if (!pool) return [{ address: '', ehlo: ehloName, pools: [] }];
    return pool.sources.map(({ address, ehlo }) => ({ address, ehlo, pools: [pool.name] }));
  });
  const sources: SourceAddress[] = [];
  for (const { pools, ...one } of all) {
    const known = sources.find(({ address, ehlo }) => address === one.address && ehlo === one.ehlo);
    if (known) known.pools.push(...pools);
    else sources.push({ ...one, pools: [...pools] });
  }
  return sources;
}

function campaignPools(db: Db, domain: string): number[] {
  const rows = db
    .selectDistinct({ from: campaigns.fromAddress, poolId: campaigns.poolId })
    .from(campaigns)
    .where(
      and(isNotNull(campaigns.poolId), inArray(campaigns.state, ['draft', 'scheduled', 'sending', 'paused'])),
    )
    .all();
  return rows.flatMap(({ from, poolId }) => {
    const parsed = parseAddress(from);
    return parsed.ok && parsed.domain === domain && poolId !== null ? [poolId] : [];
  });
}
