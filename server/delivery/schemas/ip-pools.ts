/** IP pools: named groups of weighted sources, and what the MTA says of each source. */
import Type, { type Static } from 'typebox';
import { Id, Nullable, Time } from '../../schemas.ts';

const Address = Type.String({ minLength: 2, maxLength: 45 });
const Ehlo = Type.String({ minLength: 1, maxLength: 253 });
const Weight = Type.Integer({ minimum: 1, maximum: 1000 });
/** mails a day and provider, day by day */
const Plan = Type.Array(Type.Integer({ minimum: 1, maximum: 100_000_000 }), { minItems: 1, maxItems: 100 });

/** How far a warming source is with one provider today. `held`: the step is repeated, as too many mails were deferred. */
export const WarmUpState = Type.Object({
  provider: Type.String(),
  /** YYYY-MM-DD in the settings' time zone */
  day: Type.String(),
  /** place in the plan, from 0 */
  step: Type.Integer(),
  cap: Type.Integer(),
  sent: Type.Integer(),
  deferred: Type.Integer(),
  held: Type.Boolean(),
});
/** What the MTA says of it. `failed`: it cannot be bound and is out until it can. */
export const SourceLive = Type.Object({
  state: Type.Enum(['ok', 'failed']),
  error: Type.String(),
  since: Time,
  connections: Type.Integer(),
  perSecond: Type.Number(),
  warmUps: Type.Array(WarmUpState),
});

/** `plan` is the one that holds, `ownPlan` whether it is another than the built-in one. */
const WarmUp = Type.Object({ startedAt: Time, plan: Type.Array(Type.Integer()), ownPlan: Type.Boolean() });

export const PoolSource = Type.Object({
  address: Type.String(),
  ehlo: Type.String(),
  weight: Type.Integer(),
  warmUp: Nullable(WarmUp),
  /** null: the MTA is down or does not use it yet */
  live: Nullable(SourceLive),
});
export type PoolSource = Static<typeof PoolSource>;

export const IpPool = Type.Object({
  id: Id,
  name: Type.String(),
  sources: Type.Array(PoolSource),
  /** What would be without addresses if it were deleted; campaigns: those that are scheduled, sending or paused. */
  usedBy: Type.Object({
    campaigns: Type.Array(Type.Object({ id: Id, name: Type.String() })),
    sendingDomains: Type.Array(Type.Object({ id: Id, domain: Type.String() })),
    classes: Type.Array(Type.Enum(['transactional', 'test', 'bulk'])),
    /** reroutes to it that hold */
    controls: Type.Array(Id),
  }),
  createdAt: Time,
  updatedAt: Time,
});
export type IpPool = Static<typeof IpPool>;

/**
 * EHLO name and warm-up belong to the address, not to the pool: what is changed in one pool holds in all.
 * `warmUp`: true starts one today by the built-in plan (or keeps the one under way), false ends it, absent leaves it.
 */
export const PoolSourceInput = Type.Object({
  address: Address,
  ehlo: Ehlo,
  weight: Type.Optional(Weight),
  warmUp: Type.Optional(
    Type.Union([
      Type.Boolean(),
      Type.Object({ startedAt: Type.Optional(Time), plan: Type.Optional(Nullable(Plan)) }),
    ]),
  ),
});
export type PoolSourceInput = Static<typeof PoolSourceInput>;
const fields = {
  name: Type.String({ minLength: 1, maxLength: 100 }),
  sources: Type.Array(PoolSourceInput, { minItems: 1, maxItems: 200 }),
};
export const IpPoolCreate = Type.Object(fields);
/** `sources` replaces all of them. */
export const IpPoolPatch = Type.Partial(IpPoolCreate);

export const SourceParams = Type.Object({ id: Id, address: Address });
/** Without `provider` it starts anew with all of them. */
export const WarmUpReset = Type.Object({
  provider: Type.Optional(Type.String({ minLength: 1, maxLength: 60 })),
});

export const SourceTestBody = Type.Object({ address: Address, ehlo: Ehlo });
/** `code` is stable and has words in the UI (`ipPools.test.CODE`), `detail` is English: what was found and what to change. */
const test = <T extends string>(codes: readonly T[]) =>
  Type.Object({
    state: Type.Enum(['ok', 'warning', 'error']),
    code: Type.Enum([...codes]),
    found: Type.Array(Type.String()),
    detail: Type.String(),
  });
export const BIND_CODES = ['bind-ok', 'bind-not-here', 'bind-failed'] as const;
export const PTR_CODES = ['ptr-ok', 'ptr-missing', 'ptr-different', 'ptr-dns-failed'] as const;
export const EHLO_CODES = ['ehlo-ok', 'ehlo-missing', 'ehlo-different', 'ehlo-dns-failed'] as const;
/** `bind`: this machine can send from the address; `ptr`: its PTR record gives the EHLO name; `ehlo`: the name leads back to it. */
export const SourceTest = Type.Object({
  address: Type.String(),
  ehloName: Type.String(),
  bind: test(BIND_CODES),
  ptr: test(PTR_CODES),
  ehlo: test(EHLO_CODES),
});
export type SourceTest = Static<typeof SourceTest>;
