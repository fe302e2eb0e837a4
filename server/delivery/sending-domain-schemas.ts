import Type, { type Static } from 'typebox';
import { DKIM_ALGORITHMS } from '../../mta/index.ts';
import { Id, Nullable, Time } from '../schemas.ts';
import { DNS_ADVICE } from './dns-advice.ts';
import { RECORD_LEVELS, RECORD_PURPOSES, RECORD_STEPS } from './dns-records.ts';

const Algorithm = Type.Enum([...DKIM_ALGORITHMS]);
const DmarcPolicy = Type.Enum(['none', 'quarantine', 'reject']);
const RecordKey = Type.String({ minLength: 1, maxLength: 300 });

/** What is wrong or could be better, by name; `values` fill the sentence. */
export const DnsAdvice = Type.Object({
  code: Type.Enum([...DNS_ADVICE]),
  values: Type.Record(Type.String(), Type.String()),
});
export type DnsAdvice = Static<typeof DnsAdvice>;

/** A DNS record to copy, and what a check found. */
export const DnsRecord = Type.Object({
  /** unique within the domain; POST …/check takes it */
  key: RecordKey,
  purpose: Type.Enum([...RECORD_PURPOSES]),
  /** of the guided page */
  step: Type.Enum([...RECORD_STEPS]),
  type: Type.Enum(['TXT', 'MX', 'A', 'AAAA', 'PTR']),
  /** '' when only the administrator can know it */
  name: Type.String(),
  /** TXT longer than 255 bytes as quoted strings; '' when only the administrator can know it */
  value: Type.String(),
  level: Type.Enum([...RECORD_LEVELS]),
  required: Type.Boolean(),
  /** `unchecked` until POST …/check, and again when what is wanted has changed */
  state: Type.Enum(['unchecked', 'ok', 'missing', 'different', 'error']),
  found: Type.Array(Type.String()),
  /** with state `ok`: works, but could be better */
  advice: Type.Array(DnsAdvice),
  checkedAt: Nullable(Time),
  /** the DKIM key that it publishes */
  keyId: Nullable(Id),
  /** PTR: the address and the name that it should have */
  address: Nullable(Type.String()),
  ehlo: Nullable(Type.String()),
  /** of the server's name and address: the IP pools that it is for */
  pools: Type.Array(Type.String()),
});
export type DnsRecord = Static<typeof DnsRecord>;

export const DkimKey = Type.Object({
  id: Id,
  selector: Type.String(),
  algorithm: Algorithm,
  /** pending: not used yet; active: signs; retiring: signs no more, its record must stay; retired: the record may go */
  state: Type.Enum(['pending', 'active', 'retiring', 'retired']),
  /** name of its TXT record */
  recordName: Type.String(),
  createdAt: Time,
  activatedAt: Nullable(Time),
  retireAt: Nullable(Time),
});
export type DkimKey = Static<typeof DkimKey>;

export const SendingDomain = Type.Object({
  id: Id,
  domain: Type.String(),
  returnPathDomain: Type.String(),
  /** of the RSA key that signs */
  dkimSelector: Type.String(),
  dkimKeys: Type.Array(DkimKey),
  /** an Ed25519 key signs, or waits to be activated */
  ed25519: Type.Boolean(),
  dmarcPolicy: DmarcPolicy,
  /** address of DMARC's aggregate reports; '' for none */
  dmarcReports: Type.String(),
  /** the IP pool that its mail leaves by; null: that of the mail's class */
  poolId: Nullable(Id),
  /** ready: every required record is right */
  state: Type.Enum(['unchecked', 'attention', 'ready']),
  /** purposes of required records that are not right, each once */
  missing: Type.Array(Type.Enum([...RECORD_PURPOSES])),
  records: Type.Array(DnsRecord),
  checkedAt: Nullable(Time),
  createdAt: Time,
});
export type SendingDomain = Static<typeof SendingDomain>;

export const SendingDomainCreate = Type.Object({
  domain: Type.String({ minLength: 1, maxLength: 253 }),
  /** default `bounce.` + domain */
  returnPathDomain: Type.Optional(Type.String({ maxLength: 253 })),
  dkimSelector: Type.Optional(Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,40}$' })),
});
export const SendingDomainPatch = Type.Object({
  dmarcPolicy: Type.Optional(DmarcPolicy),
  dmarcReports: Type.Optional(Type.String({ maxLength: 320 })),
  /** true makes a key that is to be published and activated; false deletes it, or lets it retire when it signs */
  ed25519: Type.Optional(Type.Boolean()),
  poolId: Type.Optional(Nullable(Id)),
  returnPathDomain: Type.Optional(Type.String({ minLength: 1, maxLength: 253 })),
});
export type SendingDomainPatch = Static<typeof SendingDomainPatch>;
export const SendingDomainCheck = Type.Object({
  /** keys of records; all when left out */
  records: Type.Optional(Type.Array(RecordKey, { minItems: 1, maxItems: 100 })),
});

export const DkimKeyCreate = Type.Object({ algorithm: Type.Optional(Algorithm) });
export const DkimKeyActivate = Type.Object({
  /** activates though the record was not found in the DNS; the reason goes to the audit log */
  force: Type.Optional(Type.Object({ reason: Type.String({ minLength: 1, maxLength: 500 }) })),
  /** how long the old key's record must stay, default 7 */
  overlapDays: Type.Optional(Type.Integer({ minimum: 1, maximum: 90 })),
});
export type DkimKeyActivate = Static<typeof DkimKeyActivate>;
export const DkimKeyParams = Type.Object({ id: Id, keyId: Id });
