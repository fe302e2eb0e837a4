/** A sending domain as the API shows it: what to publish beside what the last check found. Pure; never with a private key. */
import type { sendingDomains } from '../db/schema.ts';
import { iso, isoOrNull } from '../schemas.ts';
import { type KeyRow, stateAt } from './dkim-keys.ts';
import { type DomainNames, txtForZone, type WantedRecord, wantedRecords } from './dns-records.ts';
import type { DkimKey, DnsAdvice, DnsRecord, SendingDomain } from './sending-domain-schemas.ts';

type Row = typeof sendingDomains.$inferSelect;

export function showDomain(row: Row, keys: KeyRow[], names: DomainNames, now: number): SendingDomain {
  const records = wantedRecords(names).map((wanted) => showRecord(wanted, row.checks));
  const lacking = records.filter(({ required, state }) => required && state !== 'ok');
  const signing = keys.find(({ state }) => state === 'active') ?? keys[0];
  return {
    id: row.id,
    domain: row.domain,
    returnPathDomain: row.returnPathDomain,
    dkimSelector: signing?.selector ?? '',
    dkimKeys: keys.map((key) => showKey(key, row.domain, now)),
    ed25519: keys.some(
      ({ algorithm, state }) => algorithm === 'ed25519' && (state === 'pending' || state === 'active'),
    ),
    dmarcPolicy: row.dmarcPolicy,
    dmarcReports: row.dmarcReports,
    poolId: row.poolId,
    state: row.checkedAt === null ? 'unchecked' : lacking.length > 0 ? 'attention' : 'ready',
    missing: [...new Set(lacking.map(({ purpose }) => purpose))],
    records,
    checkedAt: isoOrNull(row.checkedAt),
    createdAt: iso(row.createdAt),
  };
}

function showRecord(wanted: WantedRecord, checks: Row['checks']): DnsRecord {
  // A check of another name or value says nothing about what is wanted now.
  const check = checks?.records.find(
    ({ key, name, value }) => key === wanted.key && name === wanted.name && value === wanted.value,
  );
  return {
    key: wanted.key,
    purpose: wanted.purpose,
    step: wanted.step,
    type: wanted.type,
    name: wanted.name,
    value: wanted.type === 'TXT' ? txtForZone(wanted.value) : wanted.value,
    level: wanted.level,
    required: wanted.level === 'required',
    state: check?.state ?? 'unchecked',
    found: check?.found ?? [],
    advice: (check?.advice ?? []) as DnsAdvice[],
    checkedAt: isoOrNull(check?.at ?? null),
    keyId: wanted.keyId ?? null,
    address: wanted.address ?? null,
    ehlo: wanted.ehlo ?? null,
    pools: wanted.pools ?? [],
  };
}

function showKey(key: KeyRow, domain: string, now: number): DkimKey {
  return {
    id: key.id,
    selector: key.selector,
    algorithm: key.algorithm,
    state: stateAt(key, now),
    recordName: `${key.selector}._domainkey.${domain}`,
    createdAt: iso(key.createdAt),
    activatedAt: isoOrNull(key.activatedAt),
    retireAt: isoOrNull(key.retireAt),
  };
}
