/**
 * Who asked for erasure after refusing mail must stay refused, though their address may not be kept: what stays is an
 * HMAC of it. Without the key, which never leaves the database, nobody can try a list of addresses against it.
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { Db } from '../deps.ts';

export const HASH_PREFIX = 'hash:';
const SETTING = 'erasedAddressKey';
const keys = new WeakMap<Db, Buffer>();

/** `hash:` and an HMAC-SHA256 of the normalised address: cannot be mistaken for one, as it has no @. */
export function hashedKey(db: Db, emailKey: string): string {
  let key = keys.get(db);
  if (!key) {
    key = readKey(db);
    keys.set(db, key);
  }
  return HASH_PREFIX + createHmac('sha256', key).update(emailKey).digest('base64url');
}

function readKey(db: Db): Buffer {
  const client = db.$client;
  client
    .prepare('INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING')
    .run(SETTING, JSON.stringify(randomBytes(32).toString('base64')));
  const value = client.prepare('SELECT value FROM settings WHERE key = ?').pluck().get(SETTING) as string;
  return Buffer.from(JSON.parse(value) as string, 'base64');
}
