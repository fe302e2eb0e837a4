/** Domains that mail comes from: made, changed, checked and shown. Their keys are in dkim-keys.ts. */
import { hostname } from 'node:os';
import { asc, eq, inArray } from 'drizzle-orm';
import { generateDkimKey, parseAddress } from '../../mta/index.ts';
import { campaigns, dkimKeys, sendingDomains } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { AppError, type FieldErrorCode } from '../errors.ts';
import {
  activateKey,
  addKey,
  deleteKey,
  findKey,
  type KeyRow,
  listKeys,
  nextSelector,
  OVERLAP_DAYS,
  retireKey,
  stateAt,
} from './dkim-keys.ts';
import { checkRecords } from './dns-check.ts';
import type { DnsLookup } from './dns-lookup.ts';
import type { DomainNames } from './dns-records.ts';
import { type Readiness, readinessOf } from './domain-readiness.ts';
import { sourcesOf } from './domain-sources.ts';
import type { DkimKeyActivate, SendingDomain, SendingDomainPatch } from './sending-domain-schemas.ts';
import { showDomain } from './sending-domain-view.ts';

export type DomainRow = typeof sendingDomains.$inferSelect;
export type Context = Pick<Deps, 'db' | 'spool'>;

export function listDomains(context: Context): SendingDomain[] {
  const rows = context.db.select().from(sendingDomains).orderBy(asc(sendingDomains.domain)).all();
  return rows.map((row) => show(context, row));
}

/** What is known of each domain's signature and SPF, for whoever is about to send. */
export function listReadiness(context: Context): Readiness[] {
  const relayed = isRelayed(context);
  return listDomains(context).map((domain) => readinessOf(domain, relayed));
}

/** All mail leaves by relays. */
const isRelayed = ({ spool }: Context): boolean =>
  spool.settings()?.routes.some(({ match, relay }) => match === '*' && relay?.length) ?? false;

/** @throws AppError `not-found` */
export function getDomain(context: Context, id: number): SendingDomain {
  return show(context, find(context, id));
}

/**
 * Makes an RSA-2048 key (about 0.1 s, off the main thread), which signs at once: until its record is published that is no
 * worse than no signature.
 * @throws AppError `value-invalid` for names that are no domains, `already-exists`
 */
export async function createDomain(
  context: Context,
  body: { domain: string; returnPathDomain?: string | undefined; dkimSelector?: string | undefined },
): Promise<SendingDomain> {
  const { db } = context;
  const domain = domainName(body.domain, '/domain');
  const returnPathDomain = domainName(body.returnPathDomain || `bounce.${domain}`, '/returnPathDomain');
  refuseKnown(context, domain);
  const key = await generateDkimKey();
  const row = db.transaction(
    () => {
      // Another request may have come first while the key was made.
      refuseKnown(context, domain);
      const made = db.insert(sendingDomains).values({ domain, returnPathDomain }).returning().get();
      const selector = body.dkimSelector ?? nextSelector('rsa-2048', [], new Date());
      db.insert(dkimKeys)
        .values({
          sendingDomainId: made.id,
          selector,
          algorithm: 'rsa-2048',
          ...key,
          state: 'active',
          activatedAt: Date.now(),
        })
        .run();
      return made;
    },
    { behavior: 'immediate' },
  );
  return show(context, row);
}

function refuseKnown({ db }: Context, domain: string): void {
  const known = db
    .select({ id: sendingDomains.id })
    .from(sendingDomains)
    .where(eq(sendingDomains.domain, domain))
    .get();
  if (!known) return;
  throw new AppError('already-exists', `There is already a sending domain ${domain}`, [
    { pointer: '/domain', code: 'already-exists', message: 'This domain is already there', value: domain },
  ]);
}

/**
 * Changes what is given. What is wanted of a record changes with it, so its last check no longer counts.
 * @throws AppError `not-found`, `value-invalid`
 */
export async function patchDomain(
  context: Context,
  id: number,
  patch: SendingDomainPatch,
): Promise<SendingDomain> {
  const { db, spool } = context;
  find(context, id);
  const { poolId } = patch;
  if (typeof poolId === 'number' && !spool.settings()?.pools?.some((pool) => pool.id === poolId))
    throw invalid('/poolId', 'not-found', `There is no IP pool ${poolId}`, poolId);
  const reports = patch.dmarcReports?.trim();
  if (reports && !parseAddress(reports).ok)
    throw invalid('/dmarcReports', 'address-invalid', `${reports} is not an email address`, reports);
  const values = {
    dmarcPolicy: patch.dmarcPolicy,
    dmarcReports: reports,
    poolId,
    returnPathDomain:
      patch.returnPathDomain === undefined
        ? undefined
        : domainName(patch.returnPathDomain, '/returnPathDomain'),
  };
  if (Object.values(values).some((value) => value !== undefined))
    db.update(sendingDomains).set(values).where(eq(sendingDomains.id, id)).run();
  if (patch.ed25519 !== undefined) await switchEd25519(context, id, patch.ed25519);
  return show(context, find(context, id));
}

async function switchEd25519({ db }: Context, id: number, on: boolean): Promise<void> {
  const now = Date.now();
  const keys = listKeys(db, id).filter(
    ({ algorithm, state }) => algorithm === 'ed25519' && (state === 'pending' || state === 'active'),
  );
  if (on) {
    if (keys.length === 0) await addKey(db, id, 'ed25519', now);
    return;
  }
  for (const key of keys) {
    if (key.state === 'active') retireKey(db, key, OVERLAP_DAYS, now);
    else deleteKey(db, key, now);
  }
}

/**
 * Looks records up and keeps what was found; all of them, or those of the given keys.
 * @throws AppError `not-found` for the domain or a record
 */
export async function checkDomain(
  context: Context,
  id: number,
  lookup: DnsLookup,
  only?: readonly string[],
): Promise<SendingDomain> {
  const { db } = context;
  const before = find(context, id);
  const known = show(context, before).records.map(({ key }) => key);
  const unknown = only?.find((key) => !known.includes(key));
  if (unknown !== undefined)
    throw new AppError('not-found', `${before.domain} has no record ${unknown}`, [
      { pointer: '/records', code: 'not-found', message: 'There is no such record', value: unknown },
    ]);
  const { records, resolved } = await checkRecords(namesOf(context, before), lookup, { only });
  // What another check found meanwhile stays, so read again.
  const after = find(context, id);
  const kept = (after.checks?.records ?? []).filter(({ key }) => only !== undefined && !only.includes(key));
  const row = db
    .update(sendingDomains)
    .set({
      checks: { records: [...kept, ...records], addresses: resolved },
      checkedAt: only === undefined ? Date.now() : after.checkedAt,
    })
    .where(eq(sendingDomains.id, id))
    .returning()
    .get()!;
  return show(context, row);
}

/** @throws AppError `not-found`, `wrong-state` when a key of the algorithm waits already */
export async function addDomainKey(
  context: Context,
  id: number,
  algorithm: KeyRow['algorithm'] = 'rsa-2048',
): Promise<{ domain: SendingDomain; selector: string }> {
  find(context, id);
  const { selector } = await addKey(context.db, id, algorithm, Date.now());
  return { domain: getDomain(context, id), selector };
}

/**
 * Lets a key sign, when its record is found in the DNS now or somebody answers for it; the one before it retires.
 * @throws AppError `not-found`, `wrong-state`: it signs already, is over, or its record is not there
 */
export async function activateDomainKey(
  context: Context,
  id: number,
  keyId: number,
  lookup: DnsLookup,
  { force, overlapDays = OVERLAP_DAYS }: DkimKeyActivate,
): Promise<{ domain: SendingDomain; selector: string; recordFound: boolean }> {
  find(context, id);
  const key = findKey(context.db, id, keyId);
  refuseActivation(key, Date.now());
  const recordKey = `dkim:${key.selector}`;
  const checked = await checkDomain(context, id, lookup, [recordKey]);
  const record = checked.records.find((one) => one.key === recordKey);
  const recordFound = record?.state === 'ok';
  if (!recordFound && !force)
    throw new AppError(
      'wrong-state',
      `The record of key ${key.selector} was not found in the DNS: mail signed with it would fail`,
      [
        {
          pointer: '/force',
          code: 'dkim-record-missing',
          message: 'The record is not published',
          value: record?.name ?? '',
        },
      ],
    );
  const now = Date.now();
  // It may have been deleted while the DNS was asked.
  const current = findKey(context.db, id, keyId);
  refuseActivation(current, now);
  activateKey(context.db, current, overlapDays, now);
  return { domain: getDomain(context, id), selector: key.selector, recordFound };
}

function refuseActivation(key: KeyRow, now: number): void {
  const state = stateAt(key, now);
  if (state === 'active') throw new AppError('wrong-state', `Key ${key.selector} signs already`);
  if (state === 'retired')
    throw new AppError('wrong-state', `Key ${key.selector} is over: make a new one instead`);
}

/** @throws AppError `not-found`, `wrong-state` for a key that signs or is still needed */
export function deleteDomainKey(
  context: Context,
  id: number,
  keyId: number,
): { domain: SendingDomain; selector: string } {
  find(context, id);
  const key = findKey(context.db, id, keyId);
  deleteKey(context.db, key, Date.now());
  return { domain: getDomain(context, id), selector: key.selector };
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

function find({ db }: Context, id: number): DomainRow {
  const row = db.select().from(sendingDomains).where(eq(sendingDomains.id, id)).get();
  if (!row) throw new AppError('not-found', `There is no sending domain ${id}`);
  return row;
}

function show(context: Context, row: DomainRow): SendingDomain {
  const keys = listKeys(context.db, row.id);
  return showDomain(row, keys, namesOf(context, row, keys), Date.now());
}

function namesOf(context: Context, row: DomainRow, keys = listKeys(context.db, row.id)): DomainNames {
  const settings = context.spool.settings();
  const ehloName = settings?.ehloName ?? hostname();
  const now = Date.now();
  return {
    domain: row.domain,
    returnPathDomain: row.returnPathDomain,
    keys: keys.flatMap((key) => {
      const state = stateAt(key, now);
      return state === 'retired' ? [] : [{ ...key, state }];
    }),
    dmarcPolicy: row.dmarcPolicy,
    dmarcReports: row.dmarcReports,
    ehloName,
    sources: sourcesOf(context.db, row, settings, ehloName),
    resolved: row.checks?.addresses ?? [],
    relayed: isRelayed(context),
  };
}

/** A-label form of a domain as typed, with the same rules as the domain of an address. */
function domainName(typed: string, pointer: string): string {
  const parsed = parseAddress(`x@${typed.trim().replace(/\.$/, '')}`);
  if (parsed.ok) return parsed.domain;
  throw invalid(pointer, 'domain', `${typed} is not a domain`, typed, 'Give a domain such as example.co.jp');
}

function invalid(
  pointer: string,
  code: FieldErrorCode,
  detail: string,
  value: unknown,
  message = detail,
): AppError {
  return new AppError('value-invalid', detail, [{ pointer, code, message, value }]);
}
