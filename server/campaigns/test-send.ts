/** Sends the campaign as it stands to a few addresses, through the same MTA and the same compile as the real thing. */
import { randomBytes } from 'node:crypto';
import type { EnqueueRow, JobInput } from '../../mta/index.ts';
import { parseAddress } from '../../mta/index.ts';
import type { Deps } from '../deps.ts';
import { AppError, type FieldError } from '../errors.ts';
import { refusalOf } from '../suppression/refusal.ts';
import { compileAndTry, contentInvalid, contentSource, findLists } from './content.ts';
import { mergeValues } from './freeze.ts';
import { personFor } from './recipient.ts';
import type { CampaignRow } from './store.ts';

const KANA_OR_KANJI = /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u;

/** A subject in Japanese gets 【テスト】, any other [TEST]. */
export function testSubject(subject: string): string {
  return `${KANA_OR_KANJI.test(subject) ? '【テスト】' : '[TEST] '}${subject}`;
}

/**
 * The mail is as the audience will get it: links and pixel are tracked (nothing is counted), and the unsubscribe header
 * is there (it belongs to no subscriber, so it takes nobody off a list).
 * @returns number of mails accepted; durable when it returns
 * @throws AppError `content-invalid`, `address-invalid`, `not-found`, `preflight-failed` without a From address
 */
export function sendTest(
  deps: Pick<Deps, 'db' | 'spool' | 'mta'>,
  row: CampaignRow,
  body: { to: readonly string[]; subscriberId?: number | undefined },
): number {
  const { db, spool } = deps;
  const to = checkRecipients(deps, body.to);
  const person = personFor(db, body.subscriberId);
  const from = parseAddress(row.fromAddress);
  if (!from.ok) {
    throw new AppError('preflight-failed', from.message, [
      {
        pointer: '/from/address',
        code: row.fromAddress.trim() === '' ? 'from-missing' : `address-${from.code}`,
        message: from.message,
        value: row.fromAddress,
      },
    ]);
  }
  const known = findLists(db, row.listIds);
  const source = contentSource(row, known.length > 0 ? known : [{ id: 0, name: row.name }]);
  // Compiled before the prefix is added, so that columns in the subject are the author's.
  const compiled = compileAndTry(source);
  if (!compiled.ok) throw contentInvalid(compiled.errors);
  const { variables } = compiled.content;
  const rows = to.map(
    (address): EnqueueRow => ({
      address,
      subscriberId: 0,
      listId: 0,
      merge: mergeValues(person.email === '' ? { ...person, email: address } : person, variables),
    }),
  );
  const job: JobInput = {
    ref: `test:${row.id}:${randomBytes(9).toString('base64url')}`,
    class: 'test',
    content: { ...source, subject: testSubject(row.subject) },
    // by the way that the campaign will take
    poolId: row.poolId ?? undefined,
  };
  const { jobId } = spool.submit(job, rows);
  deps.mta.send({ type: 'wake', jobId });
  return rows.length;
}

function checkRecipients(deps: Pick<Deps, 'db'>, to: readonly string[]): string[] {
  const errors: FieldError[] = [];
  const byKey = new Map<string, string>();
  for (const [position, typed] of to.entries()) {
    const pointer = `/to/${position}`;
    const parsed = parseAddress(typed);
    if (!parsed.ok) {
      errors.push({ pointer, code: parsed.code, message: parsed.message, value: typed });
      continue;
    }
    byKey.set(parsed.key, parsed.address);
    const reason = refusalOf(deps.db, parsed.key);
    if (reason === undefined) continue;
    const message = `No mail goes to this address: ${reason}`;
    errors.push({ pointer, code: 'suppressed', message, value: parsed.address });
  }
  if (errors.length > 0) throw new AppError('address-invalid', errors[0]!.message, errors);
  return [...new Set(byKey.values())];
}
