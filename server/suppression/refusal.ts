import type { Db } from '../deps.ts';
import { hashedKey } from './hashed-key.ts';

/** Why no mail at all may go to this address, one that belonged to an erased person included; undefined: it may. `emailKey`: normalised */
export function refusalOf(db: Db, emailKey: string): string | undefined {
  return db.$client
    .prepare(`SELECT reason FROM suppressions WHERE scope = 'all' AND email_key IN (?, ?)`)
    .pluck()
    .get(emailKey, hashedKey(db, emailKey)) as string | undefined;
}
