/**
 * A sending domain's DKIM keys. A key is made (`pending`), its record is published, it takes over (`active`), and after the
 * next one took over its record stays for some days (`retiring`), since mail under way was signed with it; then it is over.
 */
import { and, asc, eq, lte } from 'drizzle-orm';
import { type DkimAlgorithm, generateDkimKey } from '../../mta/index.ts';
import { dkimKeys } from '../db/schema.ts';
import type { Db } from '../deps.ts';
import { AppError } from '../errors.ts';

export type KeyRow = typeof dkimKeys.$inferSelect;
type State = KeyRow['state'];

const DAY = 86_400_000;
/** Retries end after three days, and mail lies in spam folders and forwarders' queues for some more. */
export const OVERLAP_DAYS = 7;

/** A retiring key is over when its time is, whether or not the daily look has written it down. */
export function stateAt(key: Pick<KeyRow, 'state' | 'retireAt'>, now: number): State {
  return key.state === 'retiring' && (key.retireAt ?? 0) <= now ? 'retired' : key.state;
}

/** Oldest first: RSA keys before Ed25519 keys, as signatures stand in a mail. */
export function listKeys(db: Db, sendingDomainId: number): KeyRow[] {
  const rows = db
    .select()
    .from(dkimKeys)
    .where(eq(dkimKeys.sendingDomainId, sendingDomainId))
    .orderBy(asc(dkimKeys.id))
    .all();
  return rows.sort((a, b) => Number(a.algorithm === 'ed25519') - Number(b.algorithm === 'ed25519'));
}

/** The keys that sign the domain's mail, RSA first. */
export function signingKeys(db: Db, sendingDomainId: number): { selector: string; privateKey: string }[] {
  return listKeys(db, sendingDomainId)
    .filter(({ state }) => state === 'active')
    .map(({ selector, privateKey }) => ({ selector, privateKey }));
}

/** Such as `tdk202611`, then `tdk202611b`: a selector that stands in sent mail never gets another key. */
export function nextSelector(algorithm: DkimAlgorithm, taken: readonly string[], now: Date): string {
  const base = `tdk${now.toISOString().slice(0, 7).replace('-', '')}${algorithm === 'ed25519' ? 'ed' : ''}`;
  if (!taken.includes(base)) return base;
  for (let n = 2; ; n += 1) {
    const selector = `${base}${n <= 26 ? String.fromCharCode(96 + n) : `-${n}`}`;
    if (!taken.includes(selector)) return selector;
  }
}

/**
 * Makes the next key of an algorithm, unused until it is activated.
 * @throws AppError `wrong-state` when one is waiting already
 */
export async function addKey(
  db: Db,
  sendingDomainId: number,
  algorithm: DkimAlgorithm,
  now: number,
): Promise<KeyRow> {
  refuseSecondPending(db, sendingDomainId, algorithm);
  const key = await generateDkimKey(algorithm);
  return db.transaction(
    () => {
      // Another request may have come first while the key was made.
      refuseSecondPending(db, sendingDomainId, algorithm);
      const taken = listKeys(db, sendingDomainId).map(({ selector }) => selector);
      return db
        .insert(dkimKeys)
        .values({
          sendingDomainId,
          selector: nextSelector(algorithm, taken, new Date(now)),
          algorithm,
          ...key,
          state: 'pending',
          createdAt: now,
        })
        .returning()
        .get();
    },
    { behavior: 'immediate' },
  );
}

function refuseSecondPending(db: Db, sendingDomainId: number, algorithm: DkimAlgorithm): void {
  const pending = listKeys(db, sendingDomainId).find(
    (key) => key.algorithm === algorithm && key.state === 'pending',
  );
  if (!pending) return;
  throw new AppError(
    'wrong-state',
    `Key ${pending.selector} is still waiting to be activated: activate or delete it first`,
  );
}

/** @throws AppError `not-found` */
export function findKey(db: Db, sendingDomainId: number, keyId: number): KeyRow {
  const row = db
    .select()
    .from(dkimKeys)
    .where(and(eq(dkimKeys.id, keyId), eq(dkimKeys.sendingDomainId, sendingDomainId)))
    .get();
  if (!row) throw new AppError('not-found', `Sending domain ${sendingDomainId} has no DKIM key ${keyId}`);
  return row;
}

/** The key signs from now on; the one of its algorithm that signed before retires. A retiring key can be taken back. */
export function activateKey(db: Db, key: KeyRow, overlapDays: number, now: number): void {
  db.transaction(
    () => {
      for (const other of listKeys(db, key.sendingDomainId)) {
        if (other.id !== key.id && other.algorithm === key.algorithm && other.state === 'active')
          retireKey(db, other, overlapDays, now);
      }
      db.update(dkimKeys)
        .set({ state: 'active', activatedAt: now, retireAt: null })
        .where(eq(dkimKeys.id, key.id))
        .run();
    },
    { behavior: 'immediate' },
  );
}

export function retireKey(db: Db, key: KeyRow, overlapDays: number, now: number): void {
  db.update(dkimKeys)
    .set({ state: 'retiring', retireAt: now + overlapDays * DAY })
    .where(eq(dkimKeys.id, key.id))
    .run();
}

/** @throws AppError `wrong-state` for a key that signs, or whose record mail under way still needs */
export function deleteKey(db: Db, key: KeyRow, now: number): void {
  const state = stateAt(key, now);
  if (state === 'active')
    throw new AppError('wrong-state', `Key ${key.selector} signs mail: activate another one first`);
  if (state === 'retiring')
    throw new AppError(
      'wrong-state',
      `Mail under way was signed with key ${key.selector}: it can be deleted after ${new Date(key.retireAt!).toISOString()}`,
    );
  db.delete(dkimKeys).where(eq(dkimKeys.id, key.id)).run();
}

/** Writes down which keys are over, and destroys their private halves: nobody can sign with them again. */
export function sweepRetired(db: Db, now: number): void {
  db.update(dkimKeys)
    .set({ state: 'retired', privateKey: '' })
    .where(and(eq(dkimKeys.state, 'retiring'), lte(dkimKeys.retireAt, now)))
    .run();
}
