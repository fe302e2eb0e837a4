/**
 * One process at a time: an exclusive lock on a file, held by the operating system for as long as the process lives,
 * so that kill -9 frees it and no stale file can wedge a start. Node has no flock; SQLite has, and we carry it anyway.
 */
import { chmodSync, closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import Database from 'better-sqlite3';

/** Whoever holds the lock on it is the only MTA on this folder. */
export const mtaLockFile = (dataDir: string): string => join(dataDir, 'mta.lock');

export interface FileLock {
  release(): void;
}

/** Keeps the handles of locks that nobody refers to any more: a collected one would be closed, and its lock be gone. */
const held = new Set<Database.Database>();

/** Takes the lock, or answers undefined when another process holds it. */
export function tryLock(file: string): FileLock | undefined {
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
  const db = new Database(file, { timeout: 0 });
  try {
    // No journal: a process that is killed would leave one behind, for nothing.
    db.pragma('journal_mode = OFF');
    // A transaction that is never committed: the file stays empty, the lock stays held.
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if ((error as { code?: string }).code?.startsWith('SQLITE_BUSY')) return undefined;
    throw error;
  }
  held.add(db);
  return {
    release() {
      held.delete(db);
      db.close();
    },
  };
}

/** Whether somebody holds it now. */
export function isLocked(file: string): boolean {
  const lock = tryLock(file);
  lock?.release();
  return lock === undefined;
}

/** Takes the lock, but gives the other process `ms` to end. */
export async function waitForLock(file: string, ms: number): Promise<FileLock | undefined> {
  const until = performance.now() + ms;
  for (;;) {
    const lock = tryLock(file);
    if (lock || performance.now() >= until) return lock;
    await wait(50);
  }
}
