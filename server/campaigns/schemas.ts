import Type, { type Static } from 'typebox';
import { Id, Nullable, PageQuery, Time } from '../schemas.ts';

export const CampaignState = Type.Enum(['draft', 'scheduled', 'sending', 'paused', 'finished', 'cancelled']);
/** Of one campaign. `recipients` = settled + queued + deferred once all are enqueued; every number is a fold of the ledger but `recipients` and `queued`. */
export const Counts = Type.Object({
  recipients: Type.Integer(),
  /** not yet tried */
  queued: Type.Integer(),
  /** delivered + bounced + deferred: tried at least once */
  sent: Type.Integer(),
  delivered: Type.Integer(),
  /** tried, waiting for another attempt */
  deferred: Type.Integer(),
  bounced: Type.Integer(),
  /** left out after enqueueing: unsubscribed meanwhile, cancelled */
  suppressed: Type.Integer(),
  opens: Type.Integer(),
  uniqueOpens: Type.Integer(),
  clicks: Type.Integer(),
  uniqueClicks: Type.Integer(),
  unsubscribes: Type.Integer(),
  complaints: Type.Integer(),
});
export type Counts = Static<typeof Counts>;
export const From = Type.Object({
  name: Type.String({ maxLength: 200, default: '' }),
  address: Type.String({ maxLength: 320 }),
});
/** In lists, `html` and `text` are left out. */
export const CampaignSummary = Type.Object({
  id: Id,
  name: Type.String(),
  state: CampaignState,
  subject: Type.String(),
  from: From,
  listIds: Type.Array(Id),
  counts: Counts,
  /** who are still being frozen into the spool: 0…1, 1 when all are */
  enqueueProgress: Type.Number(),
  scheduledAt: Nullable(Time),
  startedAt: Nullable(Time),
  finishedAt: Nullable(Time),
  createdAt: Time,
  updatedAt: Time,
});
export type CampaignSummary = Static<typeof CampaignSummary>;
export const Campaign = Type.Object({
  ...CampaignSummary.properties,
  replyTo: Type.String(),
  html: Type.String(),
  text: Type.String(),
  trackOpens: Type.Boolean(),
  trackClicks: Type.Boolean(),
  /** the IP pool that it leaves by; null: the sending domain's, else that of bulk mail */
  poolId: Nullable(Id),
  poolName: Nullable(Type.String()),
  revision: Type.Integer(),
});
export type Campaign = Static<typeof Campaign>;

const fields = {
  name: Type.String({ minLength: 1, maxLength: 200 }),
  subject: Type.String({ maxLength: 500 }),
  from: From,
  replyTo: Type.String({ maxLength: 320 }),
  listIds: Type.Array(Id, { maxItems: 200 }),
  html: Type.String({ maxLength: 1_000_000 }),
  text: Type.String({ maxLength: 1_000_000 }),
  trackOpens: Type.Boolean(),
  trackClicks: Type.Boolean(),
  poolId: Nullable(Id),
};
export const CampaignCreate = Type.Object({
  name: fields.name,
  ...Type.Partial(Type.Omit(Type.Object(fields), ['name'])).properties,
});
/** `revision`: the one that was read; an older one is answered with 409 `revision-conflict`. */
export const CampaignPatch = Type.Object({
  ...Type.Partial(Type.Object(fields)).properties,
  revision: Type.Optional(Type.Integer()),
});
export const CampaignQuery = Type.Object({
  ...PageQuery.properties,
  state: Type.Optional(CampaignState),
  q: Type.Optional(Type.String({ maxLength: 200 })),
});

/** Who would get it if it started now, and who would not and why. */
export const Audience = Type.Object({
  recipients: Type.Integer(),
  excluded: Type.Array(
    Type.Object({
      reason: Type.Enum(['unsubscribed', 'suppressed', 'duplicate']),
      count: Type.Integer(),
    }),
  ),
});
export type Audience = Static<typeof Audience>;

/**
 * The start check as it would answer now. `error` stops a start unless it is `overridable` and named in the start's
 * `overrides`; `warning` deserves a look. `POST …/start` answers unresolved errors as 409 `preflight-failed`, same codes.
 */
export const Finding = Type.Object({
  /** stable: the UI has words for it, `campaigns.findings.CODE` or `contentError.CODE`; `message` is its English */
  code: Type.String(),
  level: Type.Union([Type.Literal('error'), Type.Literal('warning')]),
  /** JSON pointer into the campaign: `/html`, `/from/address`, `/listIds`, … or '' for the whole */
  pointer: Type.String(),
  message: Type.String(),
  overridable: Type.Boolean(),
  /** what the code is about: an address, a domain, a number, a variable's name */
  value: Type.Optional(Type.String()),
  line: Type.Optional(Type.Integer()),
  column: Type.Optional(Type.Integer()),
});
export type Finding = Static<typeof Finding>;
export const Preflight = Type.Object({ findings: Type.Array(Finding) });
export type Preflight = Static<typeof Preflight>;

/** Renders the given (or the stored) content as one person would get it. Compile errors are 422 `content-invalid` with line and column. */
export const PreviewBody = Type.Object({
  subject: Type.Optional(fields.subject),
  html: Type.Optional(fields.html),
  text: Type.Optional(fields.text),
  /** absent: a made-up person with every attribute empty */
  subscriberId: Type.Optional(Id),
});
export const Preview = Type.Object({
  subject: Type.String(),
  html: Type.String(),
  text: Type.String(),
  variables: Type.Array(Type.String()),
  links: Type.Array(Type.Object({ index: Type.Integer(), url: Type.String(), text: Type.String() })),
  /** bytes of the whole message as it would go out */
  size: Type.Integer(),
});
export type Preview = Static<typeof Preview>;
export const TestBody = Type.Object({
  to: Type.Array(Type.String({ minLength: 3, maxLength: 320 }), { minItems: 1, maxItems: 10 }),
  subscriberId: Type.Optional(Id),
});
/** Mails handed to the MTA. */
export const TestResult = Type.Object({ accepted: Type.Integer() });
export const StartBody = Type.Object({
  overrides: Type.Optional(
    Type.Array(Type.Object({ code: Type.String(), reason: Type.String({ minLength: 1 }) })),
  ),
});
/** Overrides as for a start: they hold when the time has come. */
export const ScheduleBody = Type.Object({ at: Time, ...StartBody.properties });

export const Report = Type.Object({
  campaign: CampaignSummary,
  counts: Counts,
  /** 0…1 of delivered (bounces: of sent) */
  rates: Type.Object({
    delivered: Type.Number(),
    bounced: Type.Number(),
    opened: Type.Number(),
    clicked: Type.Number(),
    unsubscribed: Type.Number(),
  }),
  byProvider: Type.Array(
    Type.Object({
      provider: Type.String(),
      delivered: Type.Integer(),
      deferrals: Type.Integer(),
      bounced: Type.Integer(),
      suppressed: Type.Integer(),
    }),
  ),
  links: Type.Array(
    Type.Object({
      index: Type.Integer(),
      url: Type.String(),
      text: Type.String(),
      clicks: Type.Integer(),
      uniqueClicks: Type.Integer(),
    }),
  ),
  /** each point counts one step; `step` in seconds grows with the span so that there are at most 200 */
  overTime: Type.Object({
    step: Type.Integer(),
    points: Type.Array(
      Type.Object({
        at: Time,
        delivered: Type.Integer(),
        bounced: Type.Integer(),
        deferred: Type.Integer(),
        opened: Type.Integer(),
        clicked: Type.Integer(),
        unsubscribed: Type.Integer(),
      }),
    ),
  }),
  bounceReasons: Type.Array(
    Type.Object({ reason: Type.String(), count: Type.Integer(), sample: Type.String() }),
  ),
});
export type Report = Static<typeof Report>;

export const Overview = Type.Object({
  subscribers: Type.Integer(),
  lists: Type.Integer(),
  /** last 30 days, folded */
  last30Days: Counts,
  sending: Type.Array(CampaignSummary),
  recent: Type.Array(CampaignSummary),
  /** first steps that are still to be done: `sending-domain`, `list`, `subscribers`, `campaign`, `live` */
  todo: Type.Array(Type.String()),
});
export type Overview = Static<typeof Overview>;
