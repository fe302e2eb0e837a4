import Type, { type Static } from 'typebox';
import { TLS_POLICY_NAMES } from '../../mta/index.ts';
import { Id, Nullable, PageQuery, Time } from '../schemas.ts';

export * from './schemas/ip-pools.ts';
export * from './schemas/queues.ts';
export * from './schemas/routes.ts';
export * from './schemas/shaping.ts';
export * from './schemas/tls.ts';

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
  /** version and cipher, '' for clear text */
  tls: Type.String(),
  /** what decided about TLS; '' when no session was opened */
  tlsPolicy: Type.Enum([...TLS_POLICY_NAMES, '']),
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
