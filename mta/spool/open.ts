import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database, { type Database as Db } from 'better-sqlite3';
import type { Spool } from './api.ts';
import { createSpool } from './producer.ts';
import { MIGRATIONS } from './schema.ts';

const BACKUPS_KEPT = 5;

/** Opens spool.db for the server: brings the schema up to date (after a backup of the file) and prepares the statements. */
export function openSpool(dataDir: string): Spool {
  return createSpool(openSpoolDb(dataDir));
}

/**
 * The bare connection, as the MTA uses it. WAL with synchronous=FULL: a commit is on disk when it returns.
 * secure_delete: a settled or erased row leaves no readable address in free pages.
 */
export function openSpoolDb(dataDir: string): Db {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const file = join(dataDir, 'spool.db');
  const existed = existsSync(file);
  const db = new Database(file, { timeout: 10_000 });
  if (!existed) chmodSync(file, 0o600);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma('secure_delete = ON');
  db.pragma('cache_size = -4000');
  // Fewer, larger checkpoints: each one is an fsync of the main file in the middle of sending.
  db.pragma('wal_autocheckpoint = 4000');
  migrate(db, dataDir, existed);
  return db;
}

function migrate(db: Db, dataDir: string, existed: boolean): void {
  const version = (): number => db.pragma('user_version', { simple: true }) as number;
  if (version() > MIGRATIONS.length) {
    throw new Error(
      `spool.db is of version ${version()}, made by a newer Todoke than this one (${MIGRATIONS.length}). Start the newer version, or restore a backup.`,
    );
  }
  if (version() === MIGRATIONS.length) return;
  if (existed && version() > 0) backup(db, dataDir, version());
  // The server and the MTA may open a new file at the same moment: the second finds the work done.
  db.transaction(() => {
    for (let next = version(); next < MIGRATIONS.length; next += 1) {
      db.exec(MIGRATIONS[next]!);
      db.pragma(`user_version = ${next + 1}`);
    }
  }).exclusive();
}

function backup(db: Db, dataDir: string, version: number): void {
  const folder = join(dataDir, 'backups');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-');
  const file = join(folder, `spool-v${version}-${stamp}.db`);
  db.prepare('VACUUM INTO ?').run(file);
  chmodSync(file, 0o600);
  const old = readdirSync(folder)
    .filter((name) => name.startsWith('spool-v'))
    .sort();
  for (const name of old.slice(0, Math.max(0, old.length - BACKUPS_KEPT))) rmSync(join(folder, name));
}
