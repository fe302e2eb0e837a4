import Type, { type Static } from 'typebox';
import { Id, Nullable, Time } from '../schemas.ts';

/** A DNS record to copy, and what a check found. */
export const DnsRecord = Type.Object({
  purpose: Type.Enum(['dkim', 'spf', 'dmarc', 'return-path-mx', 'return-path-spf']),
  type: Type.Union([Type.Literal('TXT'), Type.Literal('MX'), Type.Literal('CNAME')]),
  name: Type.String(),
  value: Type.String(),
  /** `unchecked` until POST …/check */
  state: Type.Enum(['unchecked', 'ok', 'missing', 'different', 'error']),
  found: Type.Array(Type.String()),
  required: Type.Boolean(),
});
export const SendingDomain = Type.Object({
  id: Id,
  domain: Type.String(),
  returnPathDomain: Type.String(),
  dkimSelector: Type.String(),
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
