import Type, { type Static } from 'typebox';
import { Id, Nullable, PageQuery, Time } from '../schemas.ts';
import { EVENT_TYPES, MAIL_CHOICES, WebhookEvent } from './events.ts';
import { TARGET_ERRORS } from './retry.ts';

const Name = Type.String({ minLength: 1, maxLength: 100 });
const Url = Type.String({ minLength: 1, maxLength: 2000 });
const Events = Type.Array(Type.Enum([...EVENT_TYPES]), {
  minItems: 1,
  maxItems: EVENT_TYPES.length,
  description: 'the types of events that are sent',
});
const Mail = Type.Enum([...MAIL_CHOICES], { description: 'which mail it is about; never test mail' });
const BatchSize = Type.Integer({ minimum: 1, maximum: 1000, description: 'events in one request at most' });

export const DELIVERY_STATES = ['waiting', 'delivered', 'failed', 'skipped'] as const;
export const DELIVERY_KINDS = ['events', 'test', 'replay'] as const;
export const DISABLED_REASONS = ['person', 'gone', 'failing'] as const;

export const WebhookDelivery = Type.Object({
  id: Id,
  /** the header `webhook-id` */
  messageId: Type.String(),
  kind: Type.Enum([...DELIVERY_KINDS]),
  state: Type.Enum([...DELIVERY_STATES]),
  /** how many it carries */
  events: Type.Integer(),
  attempts: Type.Integer(),
  createdAt: Time,
  /** of the last attempt */
  attemptedAt: Nullable(Time),
  /** null: no more attempt, or none while the webhook is disabled */
  nextAt: Nullable(Time),
  /** HTTP status, null when none came */
  status: Nullable(Type.Integer()),
  error: Nullable(Type.Enum([...TARGET_ERRORS])),
  ms: Type.Integer(),
  /** the beginning of the answer's body, or what the system said */
  response: Type.String(),
});
export type WebhookDelivery = Static<typeof WebhookDelivery>;
export const WebhookDeliveryDetail = Type.Object({
  ...WebhookDelivery.properties,
  /** as it would be sent now: who was erased meanwhile has no address in it any more */
  payload: Type.Object({ events: Type.Array(WebhookEvent) }),
});
export type WebhookDeliveryDetail = Static<typeof WebhookDeliveryDetail>;
export const WebhookDeliveryQuery = Type.Object({
  ...PageQuery.properties,
  state: Type.Optional(WebhookDelivery.properties.state),
});
export const WebhookDeliveryParams = Type.Object({ id: Id, deliveryId: Id });

export const Webhook = Type.Object({
  id: Id,
  name: Type.String(),
  url: Type.String(),
  events: Events,
  mail: Mail,
  batchSize: BatchSize,
  enabled: Type.Boolean(),
  /** `gone`: it answered 410; `failing`: nothing was taken for three days */
  disabledReason: Nullable(Type.Enum([...DISABLED_REASONS])),
  disabledAt: Nullable(Time),
  /** since when nothing has been taken, null while all is well */
  failingSince: Nullable(Time),
  /** when the secret was made; it is only shown then */
  secretAt: Time,
  /** until when the secret before it signs as well */
  previousSecretUntil: Nullable(Time),
  /** the newest request that was tried */
  lastDelivery: Nullable(WebhookDelivery),
  createdAt: Time,
  updatedAt: Time,
});
export type Webhook = Static<typeof Webhook>;
/** The only answer with the secret, but for the one to a rotation. */
export const WebhookCreated = Type.Object({ ...Webhook.properties, secret: Type.String() });
export type WebhookCreated = Static<typeof WebhookCreated>;

export const WebhookCreate = Type.Object({
  name: Name,
  url: Url,
  events: Events,
  mail: Type.Optional(Mail),
  batchSize: Type.Optional(BatchSize),
  enabled: Type.Optional(Type.Boolean()),
});
export type WebhookCreate = Static<typeof WebhookCreate>;
export const WebhookPatch = Type.Object({
  name: Type.Optional(Name),
  url: Type.Optional(Url),
  events: Type.Optional(Events),
  mail: Type.Optional(Mail),
  batchSize: Type.Optional(BatchSize),
  enabled: Type.Optional(
    Type.Boolean({
      description: 'enabled again, it goes on where it stopped; POST …/replay {since} moves it',
    }),
  ),
});
export type WebhookPatch = Static<typeof WebhookPatch>;

/** One of the two. */
export const WebhookReplay = Type.Object({
  since: Type.Optional(
    Type.String({
      format: 'date-time',
      description:
        'everything from then on is sent (again), in order; a time in the present skips what waits',
    }),
  ),
  deliveryId: Type.Optional(
    Type.Integer({ minimum: 1, description: 'this one is sent again; one that waits is tried at once' }),
  ),
});
export const WebhookReplayed = Type.Object({
  webhook: Webhook,
  /** what was asked for by `deliveryId` */
  delivery: Nullable(WebhookDelivery),
});
export const WebhookRotate = Type.Object({
  overlapHours: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 168,
      default: 24,
      description: 'how long the old secret signs as well',
    }),
  ),
});
