/** Shaping: each provider's limits and back-off, the built-in value beside what was changed. */
import Type, { type Static, type TSchema } from 'typebox';
import { Nullable } from '../../schemas.ts';

/** `judged` values are our starting values and the UI must say so. */
const Basis = Type.Enum(['found', 'judged']);

/** `override` null: the built-in value holds. null as value: no limit of its own. */
const limit = <T extends TSchema>(value: T) =>
  Type.Object({
    builtIn: Nullable(value),
    basis: Nullable(Basis),
    override: Nullable(value),
    effective: Nullable(value),
  });

/** What may be set, with its bounds; names and meaning as in mta/types.ts (`ShapingValues`). */
const values = {
  connections: Type.Integer({ minimum: 1, maximum: 1000 }),
  messagesPerConnection: Type.Integer({ minimum: 1, maximum: 100_000 }),
  ratePerSecond: Type.Number({ minimum: 0.001, maximum: 100_000 }),
  newConnectionsPerMinute: Type.Integer({ minimum: 1, maximum: 100_000 }),
  recipientsPerConnection: Type.Integer({ minimum: 1, maximum: 100_000 }),
  providerWide: Type.Boolean(),
  tlsRequired: Type.Boolean(),
  maxMessageBytes: Type.Integer({ minimum: 1024, maximum: 1_000_000_000 }),
  avoidTopOfHour: Type.Boolean(),
  unknownUserShare: Type.Number({ minimum: 0, maximum: 1 }),
  suspendOnFailedConnection: Type.Integer({ minimum: 0, maximum: 604_800 }),
};

const Action = Type.Union([
  Type.Object({ type: Type.Literal('suspend') }),
  Type.Object({
    type: Type.Literal('rate'),
    perMinute: Type.Integer({ minimum: 1, maximum: 6_000_000 }),
    connections: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
  }),
  Type.Object({ type: Type.Literal('connections'), count: Type.Integer({ minimum: 1, maximum: 1000 }) }),
  Type.Object({ type: Type.Literal('reconnect') }),
  Type.Object({ type: Type.Literal('recipient-only') }),
  Type.Object({ type: Type.Literal('pause-sending-domain') }),
]);
/** When `match` was seen `times` times within the seconds, do `action` for `forSeconds` (0: until somebody lifts it). */
export const BackoffTrigger = Type.Object({
  /** regular expression on the whole reply */
  match: Type.String({ minLength: 1, maxLength: 500 }),
  basis: Type.Optional(Basis),
  times: Type.Integer({ minimum: 1, maximum: 1000 }),
  withinSeconds: Type.Integer({ minimum: 1, maximum: 604_800 }),
  action: Action,
  forSeconds: Type.Integer({ minimum: 0, maximum: 2_592_000 }),
});
export type BackoffTrigger = Static<typeof BackoffTrigger>;

const n = limit(Type.Number());
const b = limit(Type.Boolean());
export const ShapingProvider = Type.Object({
  /** gmail, docomo, …, generic (everybody else), or one's own */
  provider: Type.String(),
  label: Type.String(),
  /** added here, not built in; its `builtIn` values are those of generic */
  own: Type.Boolean(),
  /** anything differs from what is built in */
  changed: Type.Boolean(),
  /** suffixes of MX names (`.google.com`) or whole names; all MX of a domain must match */
  mx: Type.Array(Type.String()),
  /** recipient domains, also `*.domain` */
  domains: Type.Array(Type.String()),
  limits: Type.Object({
    connections: n,
    messagesPerConnection: n,
    ratePerSecond: n,
    newConnectionsPerMinute: n,
    recipientsPerConnection: n,
    providerWide: b,
    tlsRequired: b,
    maxMessageBytes: n,
    avoidTopOfHour: b,
    unknownUserShare: n,
    suspendOnFailedConnection: n,
  }),
  /** what replies bring about */
  backoff: Type.Object({
    builtIn: Type.Array(BackoffTrigger),
    /** null: the built-in ones hold */
    override: Nullable(Type.Array(BackoffTrigger)),
    effective: Type.Array(BackoffTrigger),
  }),
});
export type ShapingProvider = Static<typeof ShapingProvider>;
export type LimitName = keyof ShapingProvider['limits'];

const Name = Type.String({ pattern: '^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$' });
export const ProviderParams = Type.Object({ provider: Name });
const Hosts = Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { maxItems: 200 });
const Triggers = Type.Array(BackoffTrigger, { maxItems: 50 });
/** A provider of one's own wins over the built-in ones that match the same mail. */
export const ShapingCreate = Type.Object({
  provider: Name,
  label: Type.Optional(Type.String({ maxLength: 100 })),
  mx: Type.Optional(Hosts),
  domains: Type.Optional(Hosts),
  values: Type.Optional(Type.Partial(Type.Object(values))),
  backoff: Type.Optional(Triggers),
});
export const ShapingPatch = Type.Object({
  /** label, mx and domains: only of one's own */
  label: Type.Optional(Type.String({ maxLength: 100 })),
  mx: Type.Optional(Hosts),
  domains: Type.Optional(Hosts),
  /** only the named ones change; null: back to the built-in value */
  values: Type.Optional(
    Type.Object({
      connections: Type.Optional(Nullable(values.connections)),
      messagesPerConnection: Type.Optional(Nullable(values.messagesPerConnection)),
      ratePerSecond: Type.Optional(Nullable(values.ratePerSecond)),
      newConnectionsPerMinute: Type.Optional(Nullable(values.newConnectionsPerMinute)),
      recipientsPerConnection: Type.Optional(Nullable(values.recipientsPerConnection)),
      providerWide: Type.Optional(Nullable(values.providerWide)),
      tlsRequired: Type.Optional(Nullable(values.tlsRequired)),
      maxMessageBytes: Type.Optional(Nullable(values.maxMessageBytes)),
      avoidTopOfHour: Type.Optional(Nullable(values.avoidTopOfHour)),
      unknownUserShare: Type.Optional(Nullable(values.unknownUserShare)),
      suspendOnFailedConnection: Type.Optional(Nullable(values.suspendOnFailedConnection)),
    }),
  ),
  /** replaces all triggers; null: back to the built-in ones */
  backoff: Type.Optional(Nullable(Triggers)),
});
