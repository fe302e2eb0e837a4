/**
 * Opens todoke.db and brings its schema up to date. Only main.ts (and the CLI, when no server runs) migrates; the
 * worker and everybody else open what is there.
 */
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import type { Db } from '../deps.ts';
import * as schema from './schema.ts';

const MIGRATIONS = fileURLToPath(new URL('./migrations', import.meta.url));
const BACKUPS_KEPT = 5;

export const databaseFile = (dataDir: string): string => join(dataDir, 'todoke.db');

/** Opens the database with drizzle over better-sqlite3; `db.$client` is the handle. Creates folder (0700) and file (0600) when missing. */
export function openDb(dataDir: string): Db {
  return drizzle(openFile(dataDir), { schema });
}

/** The addresses of a whole company's readers: nobody but the service's own user may read the folder or the file. */
export function makePrivateDir(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  // A mounted volume may belong to somebody else: then its mode is its owner's affair.
  if (statSync(dir).uid === process.getuid?.()) chmodSync(dir, 0o700);
}

function openFile(dataDir: string): Database.Database {
  makePrivateDir(dataDir);
  const file = databaseFile(dataDir);
  // SQLite gives -wal and -shm the mode of the database, so the file must have the right one before it is opened.
  // Only when it is missing: closing a descriptor drops all POSIX locks that this process has on the file, also those
  // of a connection that another thread has open (https://sqlite.org/howtocorrupt.html §2.2).
  if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
  const client = new Database(file);
  client.pragma('journal_mode = WAL');
  // FULL: what was answered is on the disk, also after a power cut (NORMAL may lose the last commits in WAL mode).
  client.pragma('synchronous = FULL');
  client.pragma('foreign_keys = ON');
  // Main thread and worker both write; each keeps its transactions far below this.
  client.pragma('busy_timeout = 5000');
  // An erased person's bytes are overwritten, not just unlinked.
  client.pragma('secure_delete = ON');
  client.pragma('temp_store = MEMORY');
  // KB, for each connection: with four times as much an import of 700,000 is no faster, as the system caches the file, too.
  client.pragma('cache_size = -8000');
  // Imports change a page many times over: with fewer, larger checkpoints it is written back once (16 MB of WAL).
  client.pragma('wal_autocheckpoint = 4000');
  client.pragma('journal_size_limit = 67108864');
  return client;
}

export interface Migrated {
  /** tags of the migrations that ran */
  applied: string[];
  /** copy of the file as it was, undefined when there was nothing to keep or to do */
  backup: string | undefined;
}

/** The message says what happened and what to do; the database is as it was before. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

/**
 * Applies what is pending of server/db/migrations, in one transaction. An existing file is copied to
 * `backups/todoke-TIME-from-NUMBER.db` first; the last five copies are kept.
 * @throws MigrationError when a migration fails or the file was written by a newer version; the file is then unchanged
 */
export function migrate(dataDir: string, options: { migrationsFolder?: string; now?: Date } = {}): Migrated {
  const folder = options.migrationsFolder ?? MIGRATIONS;
  const migrations = readMigrationFiles({ migrationsFolder: folder });
  const tags = readTags(folder);
  const client = openFile(dataDir);
  try {
    const done = appliedMigrations(client);
    const newest = migrations.at(-1)?.folderMillis ?? 0;
    if (done.last > newest) {
      throw new MigrationError(
        `${databaseFile(dataDir)} was written by a newer version of Todoke. Start that version again, or restore a backup from ${join(dataDir, 'backups')}.`,
      );
    }
    const pending = migrations.filter((migration) => migration.folderMillis > done.last);
    if (pending.length === 0) return { applied: [], backup: undefined };

    const from = String(Math.max(done.count - 1, 0)).padStart(4, '0');
    const backup = done.count > 0 ? backUp(client, dataDir, from, options.now ?? new Date()) : undefined;
    // drizzle's own runner keeps foreign keys on: a table that SQLite can only change by a rebuild is dropped, and
    // its children would be deleted in cascade. PRAGMA foreign_keys is a no-op inside a transaction, so it goes off here.
    client.pragma('foreign_keys = OFF');
    let at = '';
    try {
      client
        .transaction(() => {
          const record = client.prepare('INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, ?)');
          for (const migration of pending) {
            at = tags.get(migration.folderMillis) ?? migration.hash;
            for (const statement of migration.sql) client.exec(statement);
            record.run(migration.hash, migration.folderMillis);
          }
          const broken = client.pragma('foreign_key_check') as { table: string; parent: string }[];
          const first = broken[0];
          if (first)
            throw new Error(
              `${broken.length} rows of ${first.table} point to missing rows of ${first.parent}`,
            );
        })
        .immediate();
    } catch (error) {
      throw new MigrationError(
        `Migration ${at} failed: ${(error as Error).message}. The database is unchanged${backup ? ` (a copy is ${backup})` : ''}. ` +
          'Start the version of Todoke that you came from, and report this message.',
      );
    }
    return {
      applied: pending.map((migration) => tags.get(migration.folderMillis) ?? migration.hash),
      backup,
    };
  } finally {
    client.close();
  }
}

/** Whether `migrate` would have something to do; false for a missing file too means: nothing is there yet. */
export function isMigrated(dataDir: string): boolean {
  if (!existsSync(databaseFile(dataDir))) return false;
  const newest = readMigrationFiles({ migrationsFolder: MIGRATIONS }).at(-1)?.folderMillis ?? 0;
  const client = new Database(databaseFile(dataDir), { readonly: true });
  try {
    const table = client.prepare("SELECT 1 FROM sqlite_master WHERE name = '__drizzle_migrations'").get();
    if (!table) return false;
    const row = client.prepare('SELECT max(created_at) AS last FROM __drizzle_migrations').get() as {
      last: number | null;
    };
    return (row.last ?? 0) >= newest;
  } finally {
    client.close();
  }
}

/** The same table as drizzle-kit's runner uses, so that its tools agree with us on what is applied. */
function appliedMigrations(client: Database.Database): { count: number; last: number } {
  client.exec(
    'CREATE TABLE IF NOT EXISTS __drizzle_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL, created_at INTEGER NOT NULL)',
  );
  const row = client
    .prepare('SELECT count(*) AS count, coalesce(max(created_at), 0) AS last FROM __drizzle_migrations')
    .get();
  return row as { count: number; last: number };
}

function readTags(folder: string): Map<number, string> {
  const journal = JSON.parse(readFileSync(join(folder, 'meta', '_journal.json'), 'utf8')) as {
    entries: { when: number; tag: string }[];
  };
  return new Map(journal.entries.map((entry) => [entry.when, entry.tag]));
}

/** VACUUM INTO reads one consistent snapshot, WAL included, and writes a file without free pages. */
function backUp(client: Database.Database, dataDir: string, from: string, now: Date): string {
  const dir = join(dataDir, 'backups');
  makePrivateDir(dir);
  const file = join(dir, `todoke-${now.toISOString().replaceAll(':', '-')}-from-${from}.db`);
  const fd = openSync(file, 'wx', 0o600);
  client.prepare('VACUUM INTO ?').run(file);
  fsyncSync(fd);
  closeSync(fd);
  const copies = readdirSync(dir)
    .filter((name) => /^todoke-.+-from-\d+\.db$/.test(name))
    .sort();
  for (const name of copies.slice(0, -BACKUPS_KEPT)) rmSync(join(dir, name));
  return file;
}
