import Type, { type Static } from 'typebox';
import { Id, Nullable, Time } from '../schemas.ts';
import { ROLES, SCOPES } from './permissions.ts';

export const Role = Type.Enum(ROLES);
export const Scope = Type.Enum(SCOPES);
export const Language = Type.Union([Type.Literal('ja'), Type.Literal('en')]);
const Email = Type.String({ minLength: 3, maxLength: 320 });
const Password = Type.String({ minLength: 10, maxLength: 200 });

export const LoginBody = Type.Object({ email: Email, password: Type.String({ maxLength: 200 }) });
export const Session = Type.Object({
  user: Type.Object({ id: Id, email: Type.String(), name: Type.String(), role: Role, language: Language }),
  scopes: Type.Array(Scope),
  delivery: Type.Union([Type.Literal('sandbox'), Type.Literal('live')]),
  version: Type.String(),
});
export type Session = Static<typeof Session>;
/** Own name, language or password (`currentPassword` is needed for a new one). */
export const SessionPatch = Type.Object({
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  language: Type.Optional(Language),
  currentPassword: Type.Optional(Type.String({ maxLength: 200 })),
  password: Type.Optional(Password),
});

export const User = Type.Object({
  id: Id,
  email: Type.String(),
  name: Type.String(),
  role: Role,
  disabled: Type.Boolean(),
  lastLoginAt: Nullable(Time),
  createdAt: Time,
});
export type User = Static<typeof User>;
export const UserCreate = Type.Object({
  email: Email,
  name: Type.String({ minLength: 1, maxLength: 100 }),
  role: Role,
  password: Password,
});
export const UserPatch = Type.Object({
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  role: Type.Optional(Role),
  password: Type.Optional(Password),
  disabled: Type.Optional(Type.Boolean()),
});

export const ApiKey = Type.Object({
  id: Id,
  name: Type.String(),
  prefix: Type.String(),
  scopes: Type.Array(Scope),
  createdAt: Time,
  lastUsedAt: Nullable(Time),
  revokedAt: Nullable(Time),
});
export type ApiKey = Static<typeof ApiKey>;
export const ApiKeyCreate = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 100 }),
  scopes: Type.Array(Scope, { minItems: 1 }),
});
/** The answer to a creation is the only place where the key itself is ever shown. */
export const ApiKeyCreated = Type.Object({ ...ApiKey.properties, key: Type.String() });
export type ApiKeyCreated = Static<typeof ApiKeyCreated>;

/** Tracking base, retry and mode. `delivery.locked`: TODOKE_DELIVERY is set and wins. */
export const Settings = Type.Object({
  organisation: Type.String(),
  publicUrl: Type.String(),
  timeZone: Type.String(),
  delivery: Type.Object({
    mode: Type.Union([Type.Literal('sandbox'), Type.Literal('live')]),
    locked: Type.Boolean(),
  }),
  retry: Type.Object({
    first: Type.Integer(),
    cap: Type.Integer(),
    jitter: Type.Number(),
    giveUp: Type.Integer(),
  }),
  /** the IP pool of a class when neither campaign nor sending domain names one; null: the system chooses the address */
  classPools: Type.Object({
    transactional: Nullable(Id),
    test: Nullable(Id),
    bulk: Nullable(Id),
  }),
  /** whether recipients' domains are asked for their own TLS policies (RFC 8461, RFC 7672) */
  tls: Type.Object({ mtaSts: Type.Boolean(), dane: Type.Boolean() }),
  /** domains whose old local parts (`a..b`) are sent as typed instead of quoted */
  rawLocalParts: Type.Array(Type.String()),
  /** hosts, `*.domain`, addresses and ranges inside the network that webhooks may go to */
  webhookTargets: Type.Array(Type.String()),
});
export type Settings = Static<typeof Settings>;
export const SettingsPatch = Type.Object({
  organisation: Type.Optional(Type.String({ maxLength: 200 })),
  publicUrl: Type.Optional(Type.String({ maxLength: 500 })),
  timeZone: Type.Optional(Type.String({ maxLength: 60 })),
  /** `overrides` as for a campaign's start: a switch to live in spite of `sending-domain-records` */
  delivery: Type.Optional(
    Type.Object({
      mode: Type.Union([Type.Literal('sandbox'), Type.Literal('live')]),
      overrides: Type.Optional(
        Type.Array(
          Type.Object({ code: Type.String(), reason: Type.String({ minLength: 1, maxLength: 300 }) }),
          {
            maxItems: 10,
          },
        ),
      ),
    }),
  ),
  retry: Type.Optional(
    Type.Object({
      first: Type.Integer({ minimum: 1, maximum: 86_400 }),
      cap: Type.Integer({ minimum: 1, maximum: 604_800 }),
      jitter: Type.Number({ minimum: 0, maximum: 0.5 }),
      giveUp: Type.Integer({ minimum: 60, maximum: 1_209_600 }),
    }),
  ),
  /** only the named classes change */
  classPools: Type.Optional(
    Type.Object({
      transactional: Type.Optional(Nullable(Id)),
      test: Type.Optional(Nullable(Id)),
      bulk: Type.Optional(Nullable(Id)),
    }),
  ),
  tls: Type.Optional(
    Type.Object({ mtaSts: Type.Optional(Type.Boolean()), dane: Type.Optional(Type.Boolean()) }),
  ),
  rawLocalParts: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { maxItems: 500 })),
  webhookTargets: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { maxItems: 200 })),
});

export const AuditEntry = Type.Object({
  id: Id,
  at: Time,
  actorKind: Type.Union([Type.Literal('user'), Type.Literal('key'), Type.Literal('system')]),
  actorName: Type.String(),
  action: Type.String(),
  target: Type.String(),
  detail: Type.Record(Type.String(), Type.Unknown()),
  ip: Type.String(),
});
export type AuditEntry = Static<typeof AuditEntry>;
