/** API keys of programs. A key is shown once, when it is made; only its fingerprint is kept. */
import type { Statement } from 'better-sqlite3';
import { and, desc, eq, isNull } from 'drizzle-orm';
import { apiKeys } from '../db/schema.ts';
import type { Db } from '../deps.ts';
import { AppError } from '../errors.ts';
import { iso, isoOrNull } from '../schemas.ts';
import { SCOPES, type Scope } from './permissions.ts';
import type { ApiKey, ApiKeyCreated } from './schemas.ts';
import { API_KEY_PREFIX, randomApiKey, sha256 } from './secrets.ts';
import { touch } from './touch.ts';

/** `tdk_` and six characters: enough to tell keys apart, far too few to guess the rest */
const SHOWN_CHARS = API_KEY_PREFIX.length + 6;

function toApiKey(row: typeof apiKeys.$inferSelect): ApiKey {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    scopes: row.scopes.filter((scope): scope is Scope => SCOPES.includes(scope as Scope)),
    createdAt: iso(row.createdAt),
    lastUsedAt: isoOrNull(row.lastUsedAt),
    revokedAt: isoOrNull(row.revokedAt),
  };
}

export function createKey(
  db: Db,
  input: { name: string; scopes: readonly Scope[]; createdBy: number | null },
): ApiKeyCreated {
  const key = randomApiKey();
  const row = db
    .insert(apiKeys)
    .values({
      name: input.name.trim(),
      prefix: key.slice(0, SHOWN_CHARS),
      keyHash: sha256(key),
      scopes: SCOPES.filter((scope) => input.scopes.includes(scope)),
      createdBy: input.createdBy,
    })
    .returning()
    .get();
  return { ...toApiKey(row), key };
}

export function listKeys(db: Db): ApiKey[] {
  return db.select().from(apiKeys).orderBy(desc(apiKeys.id)).all().map(toApiKey);
}

/** A revoked key stays in the list: the audit log refers to it. @throws AppError not-found */
export function revokeKey(db: Db, id: number, now: number): ApiKey {
  db.update(apiKeys)
    .set({ revokedAt: now })
    .where(and(eq(apiKeys.id, id), isNull(apiKeys.revokedAt)))
    .run();
  const row = db.select().from(apiKeys).where(eq(apiKeys.id, id)).get();
  if (!row) throw new AppError('not-found', `There is no API key ${id}`);
  return toApiKey(row);
}

export class KeyLookup {
  readonly #find: Statement;
  readonly #touch: Statement;

  constructor(db: Db) {
    this.#find = db.$client.prepare(
      'SELECT id, name, scopes, last_used_at AS lastUsedAt FROM api_keys WHERE key_hash = ? AND revoked_at IS NULL',
    );
    this.#touch = db.$client.prepare('UPDATE api_keys SET last_used_at = ? WHERE id = ?');
  }

  /** undefined: unknown or revoked */
  find(key: string, now: number): { id: number; name: string; scopes: Scope[] } | undefined {
    if (!key.startsWith(API_KEY_PREFIX)) return undefined;
    const row = this.#find.get(sha256(key)) as
      | { id: number; name: string; scopes: string; lastUsedAt: number | null }
      | undefined;
    if (!row) return undefined;
    touch(this.#touch, row.lastUsedAt ?? 0, now, row.id);
    return { id: row.id, name: row.name, scopes: JSON.parse(row.scopes) as Scope[] };
  }
}
