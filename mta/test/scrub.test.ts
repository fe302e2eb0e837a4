/** After an erasure no byte of the address may be left in the files, though SQLite leaves some in page gaps. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { scrubFile } from '../spool/scrub.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scrub-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('what page splits leave behind is taken out, while others have the file open', async () => {
  const file = join(folder, 'people.db');
  const db = new Database(file);
  db.pragma('journal_mode = WAL');
  db.pragma('secure_delete = ON');
  db.exec('CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT NOT NULL, note TEXT NOT NULL)');
  db.exec('CREATE UNIQUE INDEX people_email ON people (email)');
  const insert = db.prepare('INSERT INTO people (email, note) VALUES (?, ?)');
  let seed = 7;
  const random = () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed.toString(36);
  };
  const emails: string[] = [];
  for (let batch = 0; batch < 30; batch += 1) {
    db.transaction(() => {
      for (let i = 0; i < 1000; i += 1) {
        const email = `${random()}.${batch}_${i}@example.jp`;
        emails.push(email);
        insert.run(email, 'x'.repeat(i % 50));
      }
    })();
  }
  // Rows that grow make pages split in the middle.
  db.exec(`UPDATE people SET note = printf('%.300c', 'y') WHERE id % 7 = 0`);
  const erased = emails.filter((_email, i) => i % 20 === 0);
  db.transaction(() => {
    for (const email of erased) db.prepare('DELETE FROM people WHERE email = ?').run(email);
  })();
  db.pragma('wal_checkpoint(TRUNCATE)');
  const found = () => {
    const bytes = readFileSync(file).toString('latin1') + readFileSync(`${file}-wal`).toString('latin1');
    return erased.filter((email) => bytes.includes(email));
  };
  const traces = found();
  // Without any the test would prove nothing.
  expect(traces.length).toBeGreaterThan(0);

  const other = new Database(file);
  const count = other.prepare('SELECT count(*) FROM people').pluck();
  const before = count.get();
  for (const email of traces) expect(await scrubFile(file, ['', email])).toBe(true);
  expect(found()).toEqual([]);

  // Both connections go on with whole data, and neither brings the old bytes back.
  expect(count.get()).toBe(before);
  other.exec(`UPDATE people SET note = 'changed'`);
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
  db.pragma('wal_checkpoint(TRUNCATE)');
  expect(found()).toEqual([]);
  const left = db.prepare('SELECT email FROM people ORDER BY id').pluck().all();
  expect(left).toEqual(emails.filter((_email, i) => i % 20 !== 0));
  other.close();
  db.close();
});

test('waits for somebody who reads', async () => {
  const file = join(folder, 'busy.db');
  const db = new Database(file);
  db.pragma('journal_mode = WAL');
  db.exec(`CREATE TABLE t (x TEXT); INSERT INTO t VALUES ('a')`);
  const reader = new Database(file);
  reader.exec('BEGIN; SELECT * FROM t');
  reader.prepare('SELECT * FROM t').all();
  db.exec(`INSERT INTO t VALUES ('b')`);
  const answer = scrubFile(file, ['nobody@example.jp']);
  reader.exec('COMMIT');
  expect(await answer).toBe(true);
  reader.close();
  db.close();
});
