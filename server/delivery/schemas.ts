import Type, { type Static } from 'typebox';
import { Id, Nullable, PageQuery, Time } from '../schemas.ts';

export const Delivery = Type.Object({
  id: Id,
  at: Time,
  kind: Type.Enum([
    'delivered',
    'deferred',
    'bounced',
    'suppressed',
    'opened',
    'clicked',
    'unsubscribed',
    'complained',
  ]),
  campaignId: Nullable(Id),
  campaignName: Nullable(Type.String()),
  deliveryId: Type.Integer(),
  subscriberId: Nullable(Id),
  recipient: Type.String(),
  provider: Type.String(),
  attempt: Type.Integer(),
  code: Type.Integer(),
  status: Type.String(),
  reason: Type.String(),
  phase: Type.String(),
  reply: Type.String(),
  mx: Type.String(),
  sourceIp: Type.String(),
  tls: Type.String(),
  ms: Type.Integer(),
});
export type Delivery = Static<typeof Delivery>;
export const DeliveryQuery = Type.Object({
  ...PageQuery.properties,
  campaignId: Type.Optional(Id),
  subscriberId: Type.Optional(Id),
  /** the whole address */
  recipient: Type.Optional(Type.String({ maxLength: 320 })),
  domain: Type.Optional(Type.String({ maxLength: 255 })),
  kind: Type.Optional(Delivery.properties.kind),
  from: Type.Optional(Time),
  to: Type.Optional(Time),
});

export const Queue = Type.Object({
  domain: Type.String(),
  provider: Type.String(),
  class: Type.Union([Type.Literal('transactional'), Type.Literal('test'), Type.Literal('bulk')]),
  /** the named reason why these mails wait */
  waiting: Type.String(),
  queued: Type.Integer(),
  due: Type.Integer(),
  inFlight: Type.Integer(),
  connections: Type.Integer(),
  oldestAt: Nullable(Time),
  nextAt: Nullable(Time),
  lastReply: Type.String(),
  lastReplyAt: Nullable(Time),
});
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
  items: Type.Array(Queue),
});
export type Queues = Static<typeof Queues>;

export const SandboxMessage = Type.Object({
  id: Id,
  at: Time,
  from: Type.String(),
  to: Type.String(),
  subject: Type.String(),
  size: Type.Integer(),
});
export type SandboxMessage = Static<typeof SandboxMessage>;
export const SandboxMessageDetail = Type.Object({
  ...SandboxMessage.properties,
  headers: Type.Array(Type.Object({ name: Type.String(), value: Type.String() })),
  text: Type.String(),
  hasHtml: Type.Boolean(),
  /** the open pixel, tracked links and unsubscribe link found in it, so that a tester can act as the reader */
  attachments: Type.Array(
    Type.Object({ filename: Type.String(), contentType: Type.String(), size: Type.Integer() }),
  ),
});
export type SandboxMessageDetail = Static<typeof SandboxMessageDetail>;
export const SandboxQuery = Type.Object({
  ...PageQuery.properties,
  q: Type.Optional(Type.String({ maxLength: 200 })),
});

const Tls = Type.Enum(['none', 'opportunistic', 'required', 'verified']);
const relay = {
  host: Type.String({ minLength: 1, maxLength: 253 }),
  port: Type.Integer({ minimum: 1, maximum: 65_535 }),
  weight: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
  tls: Type.Optional(Tls),
  user: Type.Optional(Type.String({ maxLength: 200 })),
  connections: Type.Optional(Type.Integer({ minimum: 1, maximum: 500 })),
};
/** The password is never answered, only whether there is one. */
export const Route = Type.Object({
  id: Id,
  match: Type.String(),
  relay: Type.Array(Type.Object({ ...relay, hasPassword: Type.Boolean() })),
  createdAt: Time,
  updatedAt: Time,
});
export type Route = Static<typeof Route>;
export const RouteCreate = Type.Object({
  match: Type.String({ minLength: 1, maxLength: 253 }),
  relay: Type.Optional(
    Type.Array(Type.Object({ ...relay, password: Type.Optional(Type.String({ maxLength: 200 })) }), {
      maxItems: 50,
    }),
  ),
});
export const RoutePatch = Type.Partial(RouteCreate);
