import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { databaseFile, isMigrated, MigrationError, migrate, openDb } from './open.ts';

let dir: string;
let dataDir: string;
let migrationsFolder: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'todoke-db-'));
  dataDir = join(dir, 'data');
  migrationsFolder = join(dir, 'migrations');
  cpSync(fileURLToPath(new URL('./migrations', import.meta.url)), migrationsFolder, { recursive: true });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Adds a migration to the copy of the folder, as drizzle-kit would. */
function addMigration(sql: string, when = 4_000_000_000_000): void {
  const journalFile = join(migrationsFolder, 'meta', '_journal.json');
  const journal = JSON.parse(readFileSync(journalFile, 'utf8'));
  const tag = `${String(journal.entries.length).padStart(4, '0')}_test`;
  journal.entries.push({
    idx: journal.entries.length,
    version: '6',
    when: when + journal.entries.length,
    tag,
    breakpoints: true,
  });
  writeFileSync(journalFile, JSON.stringify(journal));
  writeFileSync(join(migrationsFolder, `${tag}.sql`), sql);
}

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
const backups = () => readdirSync(join(dataDir, 'backups')).sort();

test('a new folder gets the schema, private to its owner, and needs no backup', () => {
  expect(isMigrated(dataDir)).toBe(false);
  const migrated = migrate(dataDir);
  expect(migrated.applied[0]).toBe('0000_first');
  expect(migrated.backup).toBeUndefined();
  expect(isMigrated(dataDir)).toBe(true);
  expect([mode(dataDir), mode(databaseFile(dataDir))]).toEqual(['700', '600']);
  expect(migrate(dataDir)).toEqual({ applied: [], backup: undefined });
});

test('a folder that was left open is closed', () => {
  mkdirSync(dataDir, { mode: 0o755 });
  migrate(dataDir);
  expect(mode(dataDir)).toBe('700');
});

test('a connection is durable, checks foreign keys and overwrites what it deletes', () => {
  migrate(dataDir);
  const { $client } = openDb(dataDir);
  const pragma = (name: string) => $client.pragma(name, { simple: true });
  expect(pragma('journal_mode')).toBe('wal');
  expect(pragma('synchronous')).toBe(2);
  expect(pragma('foreign_keys')).toBe(1);
  expect(pragma('secure_delete')).toBe(1);
  expect(pragma('busy_timeout')).toBe(5000);
  expect(mode(`${databaseFile(dataDir)}-wal`)).toBe('600');
  $client.close();
});

test('before a pending migration the file is copied, named by time and version', () => {
  migrate(dataDir, { migrationsFolder });
  const db = openDb(dataDir);
  db.$client.prepare("INSERT INTO lists (name) VALUES ('読者')").run();
  db.$client.close();
  const before = readMigrationCount();
  addMigration('ALTER TABLE lists ADD COLUMN colour text;');
  const migrated = migrate(dataDir, { migrationsFolder, now: new Date('2026-11-24T01:02:03.004Z') });
  expect(migrated.applied).toHaveLength(1);
  expect(backups()).toEqual([
    `todoke-2026-11-24T01-02-03.004Z-from-${String(before - 1).padStart(4, '0')}.db`,
  ]);
  expect(mode(migrated.backup!)).toBe('600');
  const copy = new Database(migrated.backup!, { readonly: true });
  expect(copy.prepare('SELECT * FROM lists').get()).not.toHaveProperty('colour');
  expect(copy.prepare('SELECT name FROM lists').pluck().get()).toBe('読者');
  copy.close();
});

test('only the last five copies are kept', () => {
  migrate(dataDir, { migrationsFolder });
  for (let day = 1; day <= 7; day++) {
    addMigration(`CREATE TABLE extra${day} (id integer);`);
    migrate(dataDir, { migrationsFolder, now: new Date(Date.UTC(2026, 0, day)) });
  }
  expect(backups().map((name) => name.slice(7, 17))).toEqual([
    '2026-01-03',
    '2026-01-04',
    '2026-01-05',
    '2026-01-06',
    '2026-01-07',
  ]);
});

test('a failed migration leaves everything as it was and says what to do', () => {
  migrate(dataDir, { migrationsFolder });
  addMigration('CREATE TABLE half (id integer);\n--> statement-breakpoint\nINSERT INTO nowhere VALUES (1);');
  const attempt = () => migrate(dataDir, { migrationsFolder });
  expect(attempt).toThrow(MigrationError);
  expect(attempt).toThrow(
    /_test failed: no such table: nowhere.*unchanged.*backups\/todoke-.*Start the version/,
  );
  const db = new Database(databaseFile(dataDir));
  expect(db.prepare("SELECT name FROM sqlite_master WHERE name = 'half'").get()).toBeUndefined();
  db.close();
});

test('a table can be rebuilt without its children being deleted in cascade', () => {
  addMigration(
    'CREATE TABLE parent (id integer PRIMARY KEY);\n--> statement-breakpoint\n' +
      'CREATE TABLE child (parent_id integer REFERENCES parent (id) ON DELETE CASCADE);\n--> statement-breakpoint\n' +
      'INSERT INTO parent VALUES (1);\n--> statement-breakpoint\nINSERT INTO child VALUES (1);',
  );
  migrate(dataDir, { migrationsFolder });
  // SQLite's own recipe for a change that ALTER TABLE cannot make, and what drizzle-kit writes
  addMigration(
    'CREATE TABLE __new_parent (id integer PRIMARY KEY, name text);\n--> statement-breakpoint\n' +
      'INSERT INTO __new_parent (id) SELECT id FROM parent;\n--> statement-breakpoint\nDROP TABLE parent;\n' +
      '--> statement-breakpoint\nALTER TABLE __new_parent RENAME TO parent;',
  );
  migrate(dataDir, { migrationsFolder });
  const after = openDb(dataDir);
  expect(after.$client.prepare('SELECT count(*) FROM child').pluck().get()).toBe(1);
  after.$client.close();
});

test('a migration that leaves rows without their parents is refused', () => {
  migrate(dataDir, { migrationsFolder });
  const db = openDb(dataDir);
  db.$client.exec(
    "INSERT INTO users (email, name, role, password_hash) VALUES ('a@b', 'a', 'viewer', 'x'); INSERT INTO sessions (token_hash, user_id, last_seen_at, expires_at, ip, user_agent) VALUES ('x', 1, 1, 1, '', '');",
  );
  db.$client.close();
  addMigration('DELETE FROM users;');
  expect(() => migrate(dataDir, { migrationsFolder })).toThrow(
    '1 rows of sessions point to missing rows of users',
  );
});

test('a file of a newer version is refused', () => {
  addMigration('CREATE TABLE future (id integer);');
  migrate(dataDir, { migrationsFolder });
  expect(() => migrate(dataDir)).toThrow(/written by a newer version/);
});

function readMigrationCount(): number {
  const db = new Database(databaseFile(dataDir), { readonly: true });
  const count = db.prepare('SELECT count(*) FROM __drizzle_migrations').pluck().get() as number;
  db.close();
  return count;
}
