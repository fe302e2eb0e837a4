/** The reader after something has gone wrong: a mail that ended it, a file that was lost. */
import { rmSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { inboundFile, openInboundFile, prepareInboundFile } from '../inbound/file.ts';
import { InboundMailbox } from '../inbound/mailbox.ts';
import { Reader } from '../inbound/reader.ts';
import { openSpoolDb } from '../spool/open.ts';
import { Returned } from '../spool/returned.ts';
import { type Listener, type Step, startListener, TEST_KEY } from './inbound-client.ts';

let listener: Listener;
beforeEach(async () => {
  listener = await startListener();
});
afterEach(() => listener.stop());

const bring = (text: string): Promise<string[]> =>
  listener.play([
    ...(['S: 220', 'C: EHLO me.test', 'S: 250', 'C: MAIL FROM:<>', 'S: 250'] as Step[]),
    ...(['C: RCPT TO:<abuse@example.jp>', 'S: 250', 'C: DATA', 'S: 354'] as Step[]),
    ...([`C: ${text}`, 'C: .', 'S: 250', 'C: QUIT', 'S: 221'] as Step[]),
  ]);

/** A reader as its thread makes one, for one piece of work. */
function reading<T>(careful: boolean, work: (reader: Reader, kinds: () => (string | null)[]) => T): T {
  const inbound = openInboundFile(listener.dataDir);
  const spool = openSpoolDb(listener.dataDir);
  try {
    const mailbox = new InboundMailbox(inbound);
    const reader = new Reader({ mailbox, returned: new Returned(spool), tokenKey: () => TEST_KEY, careful });
    const kinds = inbound.prepare('SELECT kind FROM mail ORDER BY id').pluck();
    return work(reader, () => kinds.all() as (string | null)[]);
  } finally {
    inbound.close();
    spool.close();
  }
}

it('a mail that ended its thread is passed over at its second try, and the others are read', async () => {
  for (let n = 0; n < 3; n += 1) await bring('Subject: unsubscribe');
  // The thread had begun the second one, carefully, and was gone.
  reading(true, (reader) => expect(reader.batch()).toMatchObject({ state: 'read', kinds: ['unsubscribe'] }));
  const inbound = openInboundFile(listener.dataDir);
  new InboundMailbox(inbound).begin(listener.mail()[1]!.id);
  inbound.close();
  reading(true, (reader, kinds) => {
    expect(kinds()).toEqual(['unsubscribe', null, null]);
    expect(reader.batch()).toMatchObject({ state: 'read' });
    expect(kinds()).toEqual(['unsubscribe', 'other', null]);
    expect(reader.batch()).toMatchObject({ state: 'read' });
    expect(reader.batch()).toEqual({ state: 'idle' });
    expect(kinds()).toEqual(['unsubscribe', 'other', 'unsubscribe']);
  });
});

it('mail that comes after inbound.db was lost is not taken for read', async () => {
  for (const text of ['Subject: one', 'Subject: two']) await bring(text);
  const cursor = reading(false, (reader) => {
    reader.batch();
    return listener.mail().at(-1)!.id;
  });
  await listener.inbound.stop();
  for (const suffix of ['', '-wal', '-shm']) rmSync(inboundFile(listener.dataDir) + suffix, { force: true });
  prepareInboundFile(listener.dataDir, cursor);
  listener = await startListener({}, { dataDir: listener.dataDir });
  await bring('Subject: three');
  expect(listener.mail().map(({ id }) => id)).toEqual([cursor + 1]);
  reading(false, (reader) => expect(reader.batch()).toMatchObject({ state: 'read', kinds: ['other'] }));
});
