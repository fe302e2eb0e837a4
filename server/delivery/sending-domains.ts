/** Domains that mail comes from: their DKIM keys and the DNS records to publish. */
import { hostname } from 'node:os';
import { asc, eq, inArray } from 'drizzle-orm';
import { generateDkimKey, parseAddress } from '../../mta/index.ts';
import { campaigns, dkimKeys, sendingDomains } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { AppError } from '../errors.ts';
import { listKeys, nextSelector } from './dkim-keys.ts';
import { checkRecords, type DnsLookup } from './dns-check.ts';
import { type DomainNames, showRecords, wantedRecords } from './dns-records.ts';
import type { SendingDomain } from './sending-domain-schemas.ts';

type Row = typeof sendingDomains.$inferSelect;
type Context = Pick<Deps, 'db' | 'spool'>;

export function listDomains(context: Context): SendingDomain[] {
  const rows = context.db.select().from(sendingDomains).orderBy(asc(sendingDomains.domain)).all();
  return rows.map((row) => show(context, row));
}

/** @throws AppError `not-found` */
export function getDomain(context: Context, id: number): SendingDomain {
  return show(context, find(context, id));
}

/**
 * Makes an RSA-2048 key (about 0.1 s, off the main thread).
 * @throws AppError `value-invalid` for names that are no domains, `already-exists`
 */
export async function createDomain(
  context: Context,
  body: { domain: string; returnPathDomain?: string | undefined; dkimSelector?: string | undefined },
): Promise<SendingDomain> {
  const domain = domainName(body.domain, '/domain');
  const returnPathDomain = domainName(body.returnPathDomain || `bounce.${domain}`, '/returnPathDomain');
  const exists = () =>
    context.db
      .select({ id: sendingDomains.id })
      .from(sendingDomains)
      .where(eq(sendingDomains.domain, domain))
      .get();
  const refuse = () => {
    throw new AppError('already-exists', `There is already a sending domain ${domain}`, [
      { pointer: '/domain', code: 'already-exists', message: 'This domain is already there', value: domain },
    ]);
  };
  if (exists()) refuse();
  const key = await generateDkimKey();
  // Another request may have come first while the key was made.
  if (exists()) refuse();
  const row = context.db.insert(sendingDomains).values({ domain, returnPathDomain }).returning().get();
  context.db
    .insert(dkimKeys)
    .values({
      sendingDomainId: row.id,
      selector: body.dkimSelector ?? nextSelector('rsa-2048', [], new Date()),
      algorithm: 'rsa-2048',
      ...key,
      state: 'active',
      activatedAt: Date.now(),
    })
    .run();
  return show(context, row);
}

/**
 * Looks all records up and keeps what was found.
 * @throws AppError `not-found`
 */
export async function checkDomain(context: Context, id: number, lookup: DnsLookup): Promise<SendingDomain> {
  const names = namesOf(context, find(context, id));
  const checks = await checkRecords(wantedRecords(names), names.ehloName, lookup);
  const row = context.db
    .update(sendingDomains)
    .set({ checks: { records: checks as never, addresses: [] }, checkedAt: Date.now() })
    .where(eq(sendingDomains.id, id))
    .returning()
    .get();
  if (!row) throw new AppError('not-found', `There is no sending domain ${id}`);
  return show(context, row);
}

/** @throws AppError `not-found`, or `conflict` while a campaign that sends from it is under way */
export function deleteDomain(context: Context, id: number): { domain: string } {
  const { domain } = find(context, id);
  const open = context.db
    .select({ id: campaigns.id, name: campaigns.name, from: campaigns.fromAddress })
    .from(campaigns)
    .where(inArray(campaigns.state, ['scheduled', 'sending', 'paused']))
    .all()
    .find(({ from }) => from.toLowerCase().endsWith(`@${domain}`));
  if (open)
    throw new AppError(
      'conflict',
      `Campaign ${open.id} (${open.name}) sends from ${domain}: cancel it or let it finish first`,
    );
  context.db.delete(sendingDomains).where(eq(sendingDomains.id, id)).run();
  return { domain };
}

function find({ db }: Context, id: number): Row {
  const row = db.select().from(sendingDomains).where(eq(sendingDomains.id, id)).get();
  if (!row) throw new AppError('not-found', `There is no sending domain ${id}`);
  return row;
}

function namesOf({ db, spool }: Context, row: Row): DomainNames {
  const key = listKeys(db, row.id)[0]!;
  return {
    ...row,
    dkimSelector: key.selector,
    dkimPublicKey: key.publicKey,
    ehloName: spool.settings()?.ehloName ?? hostname(),
  };
}

/** Never with the private key. */
function show(context: Context, row: Row): SendingDomain {
  return {
    id: row.id,
    domain: row.domain,
    returnPathDomain: row.returnPathDomain,
    dkimSelector: namesOf(context, row).dkimSelector,
    records: showRecords(namesOf(context, row), (row.checks?.records ?? []) as never),
    checkedAt: row.checkedAt === null ? null : new Date(row.checkedAt).toISOString(),
    createdAt: new Date(row.createdAt).toISOString(),
  };
}

/** A-label form of a domain as typed, with the same rules as the domain of an address. */
function domainName(typed: string, pointer: string): string {
  const parsed = parseAddress(`x@${typed.trim().replace(/\.$/, '')}`);
  if (parsed.ok) return parsed.domain;
  throw new AppError('value-invalid', `${typed} is not a domain`, [
    { pointer, code: 'domain', message: 'Give a domain such as example.co.jp', value: typed },
  ]);
}
