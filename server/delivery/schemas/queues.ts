/** The queue screen: what waits, where and why; what operators ordered; what replies brought about. */
import Type, { type Static } from 'typebox';
import { CONTROL_ACTIONS, DELIVERY_CLASSES, MTA_PROBLEMS, WAIT_REASONS } from '../../../mta/index.ts';
import { Id, Nullable, Time } from '../../schemas.ts';
import { SourceLive } from './ip-pools.ts';
import { RelayHealth } from './routes.ts';

const Waiting = Type.Enum(WAIT_REASONS);

/** One recipient domain's mails of one class. */
export const Queue = Type.Object({
  domain: Type.String(),
  /** '' until the MTA has found the domain's hosts, if its name does not tell */
  provider: Type.String(),
  class: Type.Enum(DELIVERY_CLASSES),
  /** the named reason why these mails wait; `unknown` when the MTA has not said */
  waiting: Waiting,
  queued: Type.Integer(),
  due: Type.Integer(),
  inFlight: Type.Integer(),
  connections: Type.Integer(),
  oldestAt: Nullable(Time),
  nextAt: Nullable(Time),
  lastReply: Type.String(),
  lastReplyAt: Nullable(Time),
});

/** Mail hosts that share an MX (or a route's relays), over one source: what limits hold for. */
export const QueueSite = Type.Object({
  /** `mx:a.example,b.example` or `route:3` */
  site: Type.String(),
  /** '' of a route's site */
  provider: Type.String(),
  /** '' when the system chooses the address */
  source: Type.String(),
  waiting: Waiting,
  waitingUntil: Nullable(Time),
  /** recipient domains that share it */
  domains: Type.Integer(),
  inFlight: Type.Integer(),
  connections: Type.Integer(),
  /** allowed now, and at most */
  connectionsAllowed: Type.Integer(),
  connectionsLimit: Type.Integer(),
  ratePerSecond: Nullable(Type.Number()),
  perSecond: Type.Number(),
  delivered: Type.Integer(),
  deferred: Type.Integer(),
  bounced: Type.Integer(),
  /** the last that were no delivery, newest first */
  replies: Type.Array(Type.Object({ at: Time, text: Type.String() })),
});
export type QueueSite = Static<typeof QueueSite>;

/** A provider's sites and lines added up. */
export const QueueProvider = Type.Object({
  provider: Type.String(),
  label: Type.String(),
  /** of the lines that are counted: the biggest, not the long tail */
  queued: Type.Integer(),
  due: Type.Integer(),
  oldestAt: Nullable(Time),
  sites: Type.Integer(),
  inFlight: Type.Integer(),
  connections: Type.Integer(),
  perSecond: Type.Number(),
  delivered: Type.Integer(),
  deferred: Type.Integer(),
  bounced: Type.Integer(),
  throttles: Type.Integer(),
});
export type QueueProvider = Static<typeof QueueProvider>;

export const QueueSource = Type.Object({
  address: Type.String(),
  ehlo: Type.String(),
  ...SourceLive.properties,
});
export const QueueRelay = Type.Object({
  routeId: Id,
  /** the route's pattern, '' once it is deleted */
  match: Type.String(),
  host: Type.String(),
  port: Type.Integer(),
  ...RelayHealth.properties,
});
/** What an administrator must know of. The UI has words for each code (`queues.problems.CODE`); `value` names it. */
export const QueueProblem = Type.Object({
  code: Type.Enum(MTA_PROBLEMS),
  value: Type.String(),
  since: Time,
  detail: Type.String(),
});

/** `campaign` is the spool's `job`. */
export const CONTROL_API_SCOPES = [
  'all',
  'domain',
  'site',
  'provider',
  'campaign',
  'source',
  'sending-domain',
] as const;
export const QueueControl = Type.Object({
  id: Id,
  scope: Type.Enum(CONTROL_API_SCOPES),
  /** a domain, a site's key, a provider, a source's address, a sending domain; '' with `all` and `campaign` */
  value: Type.String(),
  campaignId: Nullable(Id),
  campaignName: Nullable(Type.String()),
  action: Type.Enum(CONTROL_ACTIONS),
  routeId: Nullable(Id),
  poolId: Nullable(Id),
  /** of the route or pool that the mail is sent by, null once it is gone */
  targetName: Nullable(Type.String()),
  reason: Type.String(),
  by: Type.String(),
  createdAt: Time,
  until: Nullable(Time),
  state: Type.Enum(['active', 'done']),
  /** mails touched so far by bounce or retry */
  affected: Type.Integer(),
});
export type QueueControl = Static<typeof QueueControl>;
/**
 * `pause` and `reroute` hold until `until`, for `minutes`, or until they are removed; `bounce` and `retry` touch what is
 * queued now. `reroute` names a `routeId` or a `poolId`.
 */
export const QueueControlCreate = Type.Object({
  scope: Type.Enum(CONTROL_API_SCOPES),
  /** absent with `all` and `campaign` */
  value: Type.Optional(Type.String({ maxLength: 2000 })),
  campaignId: Type.Optional(Id),
  action: Type.Enum(CONTROL_ACTIONS),
  routeId: Type.Optional(Id),
  poolId: Type.Optional(Id),
  reason: Type.Optional(Type.String({ maxLength: 500 })),
  until: Type.Optional(Time),
  minutes: Type.Optional(Type.Integer({ minimum: 1, maximum: 43_200 })),
});
export type QueueControlCreate = Static<typeof QueueControlCreate>;

/** An automatic back-off that holds now, and the reply that brought it about. */
export const QueueThrottle = Type.Object({
  id: Id,
  kind: Type.Enum(['suspend', 'rate', 'connections', 'sending-domain']),
  source: Type.String(),
  /** '': it holds for all the provider's sites of the source together, as the provider counts by source */
  site: Type.String(),
  provider: Type.String(),
  sendingDomain: Type.String(),
  perMinute: Nullable(Type.Number()),
  connections: Nullable(Type.Integer()),
  since: Time,
  /** null: until somebody lifts it */
  until: Nullable(Time),
  /** the pattern that matched, `unknown-users` or `failed-connection` */
  trigger: Type.String(),
  times: Type.Integer(),
  reply: Type.String(),
});
export type QueueThrottle = Static<typeof QueueThrottle>;

export const QueueQuery = Type.Object({
  provider: Type.Optional(Type.String({ maxLength: 60 })),
  /** the recipient domain, exactly */
  domain: Type.Optional(Type.String({ maxLength: 255 })),
  /** a part of the recipient domain */
  search: Type.Optional(Type.String({ maxLength: 255 })),
  class: Type.Optional(Type.Enum(DELIVERY_CLASSES)),
  waiting: Type.Optional(Waiting),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 500 })),
  offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000_000, default: 0 })),
});
export type QueueQuery = Static<typeof QueueQuery>;

/** Also the live event `queues`, once a second and shorter: the biggest lines, the busiest sites, unfiltered. `totals` tells by how much. */
export const Queues = Type.Object({
  mode: Type.Union([Type.Literal('sandbox'), Type.Literal('live')]),
  /** emergency stop is on: nothing leaves */
  stopped: Type.Boolean(),
  running: Type.Boolean(),
  perSecond: Type.Number(),
  queued: Type.Integer(),
  inFlight: Type.Integer(),
  connections: Type.Integer(),
  rssMB: Type.Integer(),
  /** biggest first */
  items: Type.Array(Queue),
  providers: Type.Array(QueueProvider),
  sites: Type.Array(QueueSite),
  sources: Type.Array(QueueSource),
  relays: Type.Array(QueueRelay),
  problems: Type.Array(QueueProblem),
  controls: Type.Array(QueueControl),
  throttles: Type.Array(QueueThrottle),
  /** how many there are of each that meet the filters, shown here or not; `domains`: recipient domains of all the lines */
  totals: Type.Object({
    items: Type.Integer(),
    domains: Type.Integer(),
    providers: Type.Integer(),
    sites: Type.Integer(),
    sources: Type.Integer(),
    relays: Type.Integer(),
    problems: Type.Integer(),
    controls: Type.Integer(),
    throttles: Type.Integer(),
  }),
  /** `providers` are added up of so many of the biggest lines, and `waiting` and `provider` looked for among them; null: all */
  among: Nullable(Type.Integer()),
});
export type Queues = Static<typeof Queues>;
