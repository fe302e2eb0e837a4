/** The cache of MTA-STS policies in spool.db: policies must outlive a restart (RFC 8461 §5.1). Written a few seconds late, in one go. */
import type { Database } from 'better-sqlite3';
import type { CachedStsPolicy, StsCache } from '../routing/mta-sts.ts';
import { parseStsPolicy, stsPolicyLines } from '../routing/sts-policy.ts';

interface Row {
  id: string;
  policy: string;
  fetchedAt: number;
  expiresAt: number;
}

const FLUSH_EVERY = 5000;

export interface StsCacheOptions {
  onError?: ((error: unknown) => void) | undefined;
}

/** `flush` writes what has not been written yet; what fails is tried with the next policy. */
export function openStsCache(
  db: Database,
  { onError = () => {} }: StsCacheOptions = {},
): StsCache & { flush(): void } {
  const select = db.prepare(
    'SELECT id, policy, fetched_at AS fetchedAt, expires_at AS expiresAt FROM sts_policy WHERE domain = ?',
  );
  const insert = db.prepare(
    `INSERT INTO sts_policy (domain, id, policy, fetched_at, expires_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET id = excluded.id, policy = excluded.policy,
       fetched_at = excluded.fetched_at, expires_at = excluded.expires_at`,
  );
  const prune = db.prepare('DELETE FROM sts_policy WHERE expires_at < ?');
  const unwritten = new Map<string, CachedStsPolicy>();
  let timer: NodeJS.Timeout | undefined;

  const write = db.transaction(() => {
    for (const { domain, id, policy, fetchedAt, expiresAt } of unwritten.values())
      insert.run(domain, id, stsPolicyLines(policy), fetchedAt, expiresAt);
    prune.run(Date.now());
  });
  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (unwritten.size === 0) return;
    try {
      write.immediate();
      unwritten.clear();
    } catch (error) {
      onError(error);
    }
  }

  return {
    get(domain) {
      const waiting = unwritten.get(domain);
      if (waiting !== undefined) return waiting;
      const row = select.get(domain) as Row | undefined;
      const parsed = row && parseStsPolicy(row.policy);
      return row && parsed?.ok ? { ...row, domain, policy: parsed.policy } : undefined;
    },
    put(policy) {
      unwritten.set(policy.domain, policy);
      timer ??= setTimeout(flush, FLUSH_EVERY).unref();
    },
    flush,
  };
}
