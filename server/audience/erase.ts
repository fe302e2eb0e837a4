/** Erasing a person: nothing that names them stays, on disk neither. */
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import type { Spool } from '../../mta/index.ts';
import { eraseInboundMail, openSandboxMail, scrubFile } from '../../mta/index.ts';
import { databaseFile } from '../db/open.ts';
import type { Db } from '../deps.ts';
import { hashedKey } from '../suppression/hashed-key.ts';
import { ERASED_KEPT_MS } from '../suppression/returning.ts';
import { forgetAnswers } from '../webhooks/answers.ts';
import { requireSubscriber } from './subscribers.ts';

/**
 * Removes the person, their memberships and engagements, their queued mail, and their address from the ledger (counts
 * stay). What stays is that a person who refused mail must not get any: as a keyed hash (suppression/hashed-key.ts).
 * The caller tells the MTA by `{type:'stops'}`.
 *
 * The row is gone when this returns its promise; the promise ends when the bytes are overwritten on disk, in a database
 * of a million people after about a second, without blocking anybody.
 * @returns false when a long read kept old bytes in a WAL file: they go with a later checkpoint
 * @throws AppError `not-found`
 */
export async function eraseSubscriber(
  db: Db,
  spool: Spool,
  dataDir: string,
  id: number,
  at: number,
): Promise<boolean> {
  const { email, emailKey } = requireSubscriber(db, id);
  const addresses = [...new Set([email, emailKey])];
  const client = db.$client;
  // First, and once more at the end: after a crash in between the person is still there to be erased again, and what
  // an enqueueing that had already read them adds meanwhile is caught.
  spool.erase(id, addresses);
  eraseFromSandbox(dataDir, addresses);
  // While the subscriber is known: what came back of their mail is found by their id.
  const inboundClean = await eraseInboundMail(dataDir, id, addresses);
  client
    .transaction(() => {
      keepRefusal(db, id, emailKey, at);
      const hash = hashedKey(db, emailKey);
      client.prepare('DELETE FROM erased_addresses WHERE at < ?').run(at - ERASED_KEPT_MS);
      client.prepare('INSERT OR REPLACE INTO erased_addresses (key_hash, at) VALUES (?, ?)').run(hash, at);
      // By campaign, as that is how its primary key begins.
      client
        .prepare(
          'DELETE FROM link_engagements WHERE campaign_id IN (SELECT id FROM campaigns) AND subscriber_id = ?',
        )
        .run(id);
      client.prepare('DELETE FROM engagements WHERE subscriber_id = ?').run(id);
      eraseFromMessages(client, emailKey);
      forgetAnswers(db, addresses);
      client.prepare('DELETE FROM subscribers WHERE id = ?').run(id);
    })
    .immediate();
  spool.erase(id, addresses);
  const clean = await scrubFile(databaseFile(dataDir), addresses);
  return (await scrubFile(join(dataDir, 'spool.db'), addresses)) && clean && inboundClean;
}

/** What a single message said to them, too: its subject may name them. */
function eraseFromMessages(client: Database, emailKey: string): void {
  client
    .prepare(
      `UPDATE messages SET subject = '', links = '[]' WHERE id IN (SELECT message_id FROM message_recipients WHERE address_key = ?)`,
    )
    .run(emailKey);
  client
    .prepare(`UPDATE message_recipients SET address = '', address_key = '' WHERE address_key = ?`)
    .run(emailKey);
}

/** Test mail in the sandbox names people too. */
function eraseFromSandbox(dataDir: string, addresses: string[]): void {
  const mail = openSandboxMail(dataDir);
  mail.erase(addresses);
  mail.close();
}

/** Turns what stands against mailing this address into entries that do not name it. */
function keepRefusal(db: Db, id: number, emailKey: string, at: number): void {
  const client = db.$client;
  const hash = hashedKey(db, emailKey);
  client
    .prepare(
      `UPDATE OR IGNORE suppressions SET email_key = ?, email = '', note = '', ledger_id = NULL WHERE email_key = ?`,
    )
    .run(hash, emailKey);
  client.prepare('DELETE FROM suppressions WHERE email_key = ?').run(emailKey);
  // Lists they left are forgotten with their memberships, so no list may bring them back.
  client
    .prepare(
      `INSERT INTO suppressions (email_key, email, reason, scope, origin, created_at)
       SELECT ?, '', 'unsubscribed', 'marketing', 'unsubscribe', ?
       WHERE EXISTS (SELECT 1 FROM memberships WHERE subscriber_id = ? AND state = 'unsubscribed')
       ON CONFLICT (email_key, scope) DO NOTHING`,
    )
    .run(hash, at, id);
}
