import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { call, type Harness, startHarness } from '../testing/harness.ts';
import { unsubscribe } from './membership.ts';
import { audienceRoutes } from './routes.ts';

let harness: Harness;
let headers: Record<string, string>;
beforeEach(async () => {
  harness = await startHarness({ features: [audienceRoutes] });
  ({ headers } = await harness.login('viewer'));
});
afterEach(() => harness.close());

const DAY = 86_400_000;
const START = Date.UTC(2026, 10, 1);

/** Somebody with everything: added, subscribed, mailed, read, left. */
function life(): void {
  const { db, deps, dataDir } = harness;
  db.$client.exec(`
    INSERT INTO lists (name) VALUES ('会員'), ('お知らせ');
    INSERT INTO subscribers (email, email_key, created_at) VALUES ('a@example.jp', 'a@example.jp', ${START}), ('b@example.jp', 'b@example.jp', ${START});
    INSERT INTO memberships (list_id, subscriber_id, state, source, created_at) VALUES
      (1, 1, 'subscribed', 'ui', ${START + DAY}), (2, 1, 'subscribed', 'ui', ${START + 2 * DAY}), (1, 2, 'subscribed', 'ui', ${START});
    INSERT INTO campaigns (name, job_id) VALUES ('秋の便り', 1);
    INSERT INTO campaign_links (campaign_id, link_index, url, text) VALUES (1, 0, 'https://example.jp/rice', '米')`);
  deps.spool.createJob({
    ref: 'campaign:1',
    class: 'bulk',
    content: {
      from: { name: '', address: 'n@example.jp' },
      subject: '',
      track: { opens: true, clicks: true },
    },
  });
  // What the MTA would have settled.
  const spool = new Database(join(dataDir, 'spool.db'));
  const settled = spool.prepare(
    `INSERT INTO ledger (at, kind, job_id, delivery_id, subscriber_id, list_id, recipient, domain, provider, attempt, code, status, reason,
       phase, reply, mx, source_ip, tls, ms, link, ip, user_agent)
     VALUES (?, ?, 1, 1, 1, 1, 'a@example.jp', 'example.jp', 'generic', 1, 0, '', '', 'dot', ?, '', '', '', 1, -1, '', '')`,
  );
  settled.run(START + 3 * DAY, 'deferred', '451 4.7.1 slow down');
  settled.run(START + 3 * DAY + 1, 'delivered', '250 ok');
  spool.close();
  const event = { jobId: 1, deliveryId: 1, subscriberId: 1, listId: 1, link: -1, ip: '', userAgent: '' };
  deps.spool.recordEvents([
    { ...event, kind: 'opened', at: START + 4 * DAY },
    { ...event, kind: 'clicked', at: START + 5 * DAY, link: 0 },
    { ...event, kind: 'unsubscribed', at: START + 6 * DAY + 300 },
    { ...event, kind: 'opened', at: START + 7 * DAY, subscriberId: 2 },
  ]);
  unsubscribe(db, deps.spool, { subscriberId: 1, listId: 1, source: 'link', at: START + 6 * DAY });
  unsubscribe(db, deps.spool, { subscriberId: 1, listId: 'all', source: 'ui', at: START + 8 * DAY });
}

const EXPECTED = [
  ['unsubscribed', null, 'お知らせ'],
  ['suppressed', null, 'unsubscribed'],
  // once, though the ledger and the membership both know of it
  ['unsubscribed', '秋の便り', '会員'],
  ['clicked', '秋の便り', 'https://example.jp/rice'],
  ['opened', '秋の便り', ''],
  ['delivered', '秋の便り', '250 ok'],
  ['deferred', '秋の便り', '451 4.7.1 slow down'],
  ['subscribed', null, 'お知らせ'],
  ['subscribed', null, '会員'],
  ['created', null, ''],
];

test.each([50, 1, 2, 3, 7])('all that happened, newest first, in pages of %i', async (limit) => {
  life();
  const found: unknown[] = [];
  const times: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const { body } = await call(
      harness.admin,
      'GET',
      `/api/v1/subscribers/1/timeline?limit=${limit}${cursor ? `&cursor=${cursor}` : ''}`,
      headers,
    );
    for (const { kind, campaignName, detail, at } of body.items) {
      found.push([kind, campaignName, detail]);
      times.push(at);
    }
    cursor = body.nextCursor;
    // What happens meanwhile is on no later page.
    harness.deps.spool.recordEvents([
      {
        kind: 'opened',
        at: START + 9 * DAY,
        jobId: 1,
        deliveryId: 1,
        subscriberId: 1,
        listId: 1,
        link: -1,
        ip: '',
        userAgent: '',
      },
    ]);
  }
  expect(found).toEqual(EXPECTED);
  expect(times).toEqual([...times].sort().reverse());
});

test('nobody, and a cursor of nobody', async () => {
  life();
  const get = (path: string) => call(harness.admin, 'GET', `/api/v1/subscribers/${path}`, headers);
  expect((await get('99/timeline')).body.code).toBe('not-found');
  expect((await get('1/timeline?cursor=x')).body).toMatchObject({
    code: 'invalid-request',
    errors: [{ code: 'cursor-invalid' }],
  });
});
