import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { migrate, openDb } from './open.ts';

const dir = mkdtempSync(join(tmpdir(), 'todoke-db-'));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('the key of a sending domain moves into the table of keys and goes on signing', () => {
  const before = join(dir, 'before');
  cpSync(fileURLToPath(new URL('./migrations', import.meta.url)), before, { recursive: true });
  const journalFile = join(before, 'meta', '_journal.json');
  const journal = JSON.parse(readFileSync(journalFile, 'utf8')) as { entries: { tag: string }[] };
  journal.entries = journal.entries.slice(
    0,
    journal.entries.findIndex(({ tag }) => tag.endsWith('_dkim_keys')),
  );
  writeFileSync(journalFile, JSON.stringify(journal));

  const data = join(dir, 'data');
  migrate(data, { migrationsFolder: before });
  const old = openDb(data);
  old.$client.exec(`INSERT INTO sending_domains
    (domain, return_path_domain, dkim_selector, dkim_private_key, dkim_public_key, checks, checked_at, created_at)
    VALUES ('example.jp', 'bounce.example.jp', 'k1', 'PEM', 'MIIB', '[{"purpose":"dkim"}]', 5, 1000)`);
  old.$client.close();

  migrate(data);
  const { $client } = openDb(data);
  expect($client.prepare('SELECT * FROM dkim_keys').all()).toEqual([
    {
      id: 1,
      sending_domain_id: 1,
      selector: 'k1',
      algorithm: 'rsa-2048',
      private_key: 'PEM',
      public_key: 'MIIB',
      state: 'active',
      created_at: 1000,
      activated_at: 1000,
      retire_at: null,
    },
  ]);
  // Checks had another shape: the records have to be looked up again.
  expect($client.prepare('SELECT * FROM sending_domains').get()).toMatchObject({
    domain: 'example.jp',
    dmarc_policy: 'none',
    checks: null,
    checked_at: null,
  });
  expect(Object.keys($client.prepare('SELECT * FROM sending_domains').get() as object)).not.toContain(
    'dkim_private_key',
  );
  $client.close();
});
