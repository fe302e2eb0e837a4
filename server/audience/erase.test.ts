/** An erasure, judged by the bytes on disk and by what happens when the address comes back. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { messageRoutes } from '../messages/routes.ts';
import { suppressionRoutes } from '../suppression/routes.ts';
import { call, type Harness, startHarness } from '../testing/harness.ts';
import { run } from '../testing/imports.ts';
import { importsDir, uploadPath } from './imports/files.ts';
import { audienceRoutes } from './routes.ts';

let harness: Harness;
let headers: Record<string, string>;
beforeEach(async () => {
  harness = await startHarness({ features: [audienceRoutes, suppressionRoutes, messageRoutes] });
  ({ headers } = await harness.login('editor'));
});
afterEach(() => harness.close());

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
const api = (method: Method, path: string, body?: object) =>
  call(harness.admin, method, `/api/v1${path}`, headers, body);

function onDisk(text: string): string[] {
  const needle = text.toLowerCase();
  return ['todoke.db', 'todoke.db-wal', 'spool.db', 'spool.db-wal'].filter((name) =>
    readFileSync(join(harness.dataDir, name)).toString('latin1').toLowerCase().includes(needle),
  );
}
const activeStops = () => {
  const spool = new Database(join(harness.dataDir, 'spool.db'), { readonly: true });
  try {
    return spool.prepare('SELECT list_id FROM stop WHERE active = 1').pluck().all();
  } finally {
    spool.close();
  }
};

async function busyPerson() {
  const listId = (await api('POST', '/lists', { name: '会員' })).body.id as number;
  await api('POST', '/attributes', { key: 'memo', label: '備考', type: 'text' });
  const { id } = (
    await api('POST', '/subscribers', {
      email: 'Hanako.Secret@Example.jp',
      name: 'SecretName',
      attributes: { memo: 'SecretMemo' },
      listIds: [listId],
    })
  ).body;
  const { db, deps } = harness;
  const jobId = deps.spool.createJob({
    ref: 'campaign:1',
    class: 'bulk',
    content: {
      from: { name: '', address: 'news@example.jp' },
      subject: 'x',
      track: { opens: true, clicks: true },
    },
  });
  deps.spool.enqueue(jobId, {
    from: 0,
    to: 1,
    rows: [{ address: 'Hanako.Secret@Example.jp', subscriberId: id, listId, merge: { name: 'SecretName' } }],
  });
  deps.spool.recordEvents([
    {
      kind: 'opened',
      at: 5,
      jobId,
      deliveryId: 1,
      subscriberId: id,
      listId,
      link: -1,
      ip: '192.0.2.77',
      userAgent: 'SecretAgent',
    },
  ]);
  db.$client.exec(`INSERT INTO campaigns (name, job_id) VALUES ('秋', ${jobId});
    INSERT INTO engagements (campaign_id, subscriber_id, opened_at) VALUES (1, ${id}, 5);
    INSERT INTO link_engagements (campaign_id, subscriber_id, link_index) VALUES (1, ${id}, 0)`);
  return { id: id as number, listId, jobId };
}

const messageTo = (to: string) =>
  call(harness.admin, 'POST', '/api/v1/messages', harness.key('messages:send'), {
    from: { address: 'shop@example.jp' },
    to,
    subject: 'SecretSubject',
    text: 'SecretText',
    html: '<a href="https://example.jp/SecretLink">x</a>',
    trackClicks: true,
  });

test('nothing that names the person is left on disk, and counts stay', async () => {
  const { id, jobId } = await busyPerson();
  await api('PATCH', `/subscribers/${id}`, { name: 'SecretName2' });
  expect((await messageTo('hanako.secret@example.jp')).status).toBe(202);
  expect(onDisk('hanako.secret')).not.toEqual([]);
  expect(onDisk('SecretLink')).toContain('spool.db-wal');
  expect((await api('DELETE', `/subscribers/${id}`)).status).toBe(204);
  const written = ['SecretSubject', 'SecretText', 'SecretLink'];
  for (const secret of [
    'hanako.secret',
    'SecretName',
    'SecretMemo',
    'SecretAgent',
    '192.0.2.77',
    ...written,
  ]) {
    expect([secret, onDisk(secret)]).toEqual([secret, []]);
  }
  const { $client: client } = harness.db;
  for (const table of ['subscribers', 'memberships', 'engagements', 'link_engagements', 'suppressions']) {
    expect([table, client.prepare(`SELECT count(*) FROM ${table}`).pluck().get()]).toEqual([table, 0]);
  }
  expect(harness.deps.spool.job(jobId)).toMatchObject({ enqueued: 1, settled: 1, suppressed: 1 });
  expect(harness.deps.spool.searchLedger({ subscriberId: id }, undefined, 10)).toMatchObject([
    // the single message that had not left yet, and the campaign's mail
    { kind: 'suppressed', recipient: '', ip: '' },
    { kind: 'suppressed', recipient: '', ip: '' },
    { kind: 'opened', recipient: '', ip: '', userAgent: '' },
  ]);
  expect((await api('GET', `/subscribers/${id}`)).status).toBe(404);
  expect((await api('DELETE', `/subscribers/${id}`)).status).toBe(404);
  expect(
    client.prepare(`SELECT target, detail FROM audit_log WHERE action = 'subscriber.erase'`).all(),
  ).toEqual([{ target: `subscriber:${id}`, detail: '{"overwritten":true}' }]);
});

test('also among many, where SQLite leaves copies in page gaps', async () => {
  const { $client: client } = harness.db;
  const insert = client.prepare('INSERT INTO subscribers (email, email_key, name) VALUES (?, ?, ?)');
  const emails: string[] = [];
  let seed = 7;
  for (let batch = 0; batch < 20; batch += 1) {
    client.transaction(() => {
      for (let i = 0; i < 1000; i += 1) {
        seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
        const email = `${seed.toString(36)}.x${emails.length}@example.jp`;
        emails.push(email);
        insert.run(email, email, 'n');
      }
    })();
  }
  client.exec(`UPDATE subscribers SET attributes = printf('{"a":"%.300c"}', 'w') WHERE id % 7 = 0`);
  client.pragma('wal_checkpoint(TRUNCATE)');
  // Those that are in the file more often than in their row and its index entry.
  const bytes = readFileSync(join(harness.dataDir, 'todoke.db')).toString('latin1');
  const copies = new Map<string, number>();
  for (const [email] of bytes.matchAll(/[0-9a-z]+\.x\d+@example\.jp/g))
    copies.set(email, (copies.get(email) ?? 0) + 1);
  const traced = emails.filter((email) => (copies.get(email) ?? 0) > 3).slice(0, 10);
  expect(traced.length).toBeGreaterThan(0);
  for (const email of traced) {
    const id = client.prepare('SELECT id FROM subscribers WHERE email = ?').pluck().get(email);
    expect((await api('DELETE', `/subscribers/${id}`)).status).toBe(204);
    expect([email, onDisk(email)]).toEqual([email, []]);
  }
  expect(client.pragma('integrity_check', { simple: true })).toBe('ok');
  expect(client.prepare('SELECT count(*) FROM subscribers').pluck().get()).toBe(20_000 - traced.length);
});

describe('when the address comes back', () => {
  test('somebody who had not refused mail is reachable again at once', async () => {
    const { id, listId } = await busyPerson();
    await api('DELETE', `/subscribers/${id}`);
    expect(activeStops()).toEqual([0]);
    const back = await api('POST', '/subscribers', { email: 'hanako.secret@example.jp', listIds: [listId] });
    expect(back.body).toMatchObject({ suppressed: null, memberships: [{ state: 'subscribed' }] });
    expect(back.body.id).toBeGreaterThan(id);
    expect(activeStops()).toEqual([]);
  });

  test('somebody who had left a list is not mailed, though nobody can read who it was', async () => {
    const { id, listId } = await busyPerson();
    await api('DELETE', `/lists/${listId}/members/${id}`);
    await api('DELETE', `/subscribers/${id}`);
    expect(onDisk('hanako.secret')).toEqual([]);
    const kept = (await api('GET', '/suppressions')).body.items;
    expect(kept).toMatchObject([{ email: '', scope: 'marketing', origin: 'unsubscribe' }]);
    expect((await api('GET', '/suppressions?q=Hanako.Secret@example.jp')).body.items).toHaveLength(1);
    expect((await api('GET', '/suppressions?q=other@example.jp')).body.items).toEqual([]);
    const back = await api('POST', '/subscribers', { email: 'hanako.secret@example.jp', listIds: [listId] });
    expect(back.body.suppressed).toMatchObject({ id: kept[0].id, scope: 'marketing' });
    expect(harness.db.$client.prepare('SELECT email, email_key FROM suppressions').all()).toEqual([
      { email: 'hanako.secret@example.jp', email_key: 'hanako.secret@example.jp' },
    ]);
  });

  test('by import, one suppressed for all mail and one not', async () => {
    const { id, listId } = await busyPerson();
    const other = (await api('POST', '/subscribers', { email: 'other@example.jp' })).body.id;
    await api('POST', '/suppressions', { email: 'hanako.secret@example.jp', note: 'SecretNote' });
    await api('DELETE', `/subscribers/${id}`);
    await api('DELETE', `/subscribers/${other}`);
    expect(onDisk('SecretNote')).toEqual([]);
    const file = 'hanako.secret@example.jp\nother@example.jp\nthird@example.jp\n';
    const { lastInsertRowid } = harness.db.$client
      .prepare(
        `INSERT INTO imports (list_id, file_name, state, encoding, delimiter, mapping, has_header, total_bytes)
         VALUES (?, 'x.csv', 'queued', 'utf-8', ',', '["email"]', 0, ?)`,
      )
      .run(listId, file.length);
    mkdirSync(importsDir(harness.dataDir), { recursive: true });
    writeFileSync(uploadPath(harness.dataDir, Number(lastInsertRowid)), file);
    await run(harness, Number(lastInsertRowid));
    const people = (await api('GET', '/subscribers')).body.items as {
      email: string;
      suppressed: { scope: string } | null;
    }[];
    expect(people.map(({ email, suppressed }) => [email, suppressed?.scope ?? null]).sort()).toEqual([
      ['hanako.secret@example.jp', 'all'],
      ['other@example.jp', null],
      ['third@example.jp', null],
    ]);
    // The stop of the one who may not be mailed at all stays.
    expect(activeStops()).toEqual([0]);
  });
});
