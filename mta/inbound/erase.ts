import { existsSync } from 'node:fs';
import { scrubFile } from '../spool/scrub.ts';
import { inboundFile, openInboundFile } from './file.ts';
import { removeMail } from './mailbox.ts';

/**
 * Removes everything that came back of this person's mail, that came from them, or whose report names them; and overwrites it.
 * @returns false when a long read kept old bytes in the WAL file: they go with a later checkpoint
 */
export async function eraseInboundMail(
  dataDir: string,
  subscriberId: number,
  addresses: readonly string[],
): Promise<boolean> {
  if (!existsSync(inboundFile(dataDir))) return true;
  const db = openInboundFile(dataDir);
  try {
    const theirs = db.prepare('SELECT mail_id FROM recipient WHERE subscriber_id = ?').pluck();
    const ids = new Set(subscriberId > 0 ? (theirs.all(subscriberId) as number[]) : []);
    // Looks at every mail, so once for each spelling.
    const naming = db
      .prepare('SELECT id FROM mail WHERE lower(mail_from) = @address OR instr(lower(result), @address) > 0')
      .pluck();
    for (const address of new Set(addresses.map((each) => each.toLowerCase())))
      for (const id of naming.all({ address }) as number[]) ids.add(id);
    if (ids.size === 0) return true;
    removeMail(db, [...ids]);
    db.pragma('incremental_vacuum');
  } finally {
    db.close();
  }
  return scrubFile(inboundFile(dataDir), addresses);
}
