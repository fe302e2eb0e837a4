import Type, { type Static } from 'typebox';
import { From } from '../campaigns/schemas.ts';
import { Delivery } from '../delivery/schemas.ts';
import { Id, Nullable, PageQuery, Time } from '../schemas.ts';

/** Messages of one request. */
export const MAX_BATCH = 1000;

const Tags = Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { maxItems: 10 });
const Attachment = Type.Object({
  filename: Type.String({ minLength: 1, maxLength: 255 }),
  contentType: Type.String({ minLength: 3, maxLength: 200 }),
  /** base64 */
  content: Type.String(),
  /** set: an inline image that the HTML names as `cid:…` */
  cid: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
});

const fields = {
  from: From,
  to: Type.String({ minLength: 3, maxLength: 320 }),
  replyTo: Type.Optional(Type.String({ maxLength: 320 })),
  /** Liquid, as are `html` and `text`; each may be left out with a template, whose own it replaces */
  subject: Type.Optional(Type.String({ maxLength: 500 })),
  html: Type.Optional(Type.String({ maxLength: 2_000_000 })),
  text: Type.Optional(Type.String({ maxLength: 2_000_000 })),
  templateId: Type.Optional(Id),
  /** values for Liquid */
  variables: Type.Optional(
    Type.Record(
      Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,63}$' }),
      Type.Union([
        Type.String({ maxLength: 100_000 }),
        Type.Number(),
        Type.Boolean(),
        Type.Null(),
        Type.Array(Type.String({ maxLength: 10_000 }), { maxItems: 1000 }),
      ]),
    ),
  ),
  attachments: Type.Optional(Type.Array(Attachment, { maxItems: 50 })),
  headers: Type.Optional(Type.Record(Type.String({ maxLength: 76 }), Type.String({ maxLength: 2000 }))),
  tags: Type.Optional(Tags),
  /** not unless asked for */
  trackOpens: Type.Optional(Type.Boolean()),
  trackClicks: Type.Optional(Type.Boolean()),
  /** when it leaves, at most 30 days ahead; absent: at once */
  sendAt: Type.Optional(Time),
  poolId: Type.Optional(Id),
};
export const MessageInput = Type.Object(fields);
export type MessageInput = Static<typeof MessageInput>;
/** One message, or `messages` with up to 1,000 of them. */
export const MessageBody = Type.Object({
  ...Type.Partial(Type.Object(fields)).properties,
  messages: Type.Optional(Type.Array(MessageInput, { minItems: 1, maxItems: MAX_BATCH })),
});

const Refusal = Type.Object({
  pointer: Type.String(),
  code: Type.String(),
  message: Type.String(),
  value: Type.Optional(Type.Unknown()),
});
/** `id` of one message; of several `items` in their order, each accepted (`id`) or not (`errors`). */
export const Accepted = Type.Object({
  id: Type.Optional(Id),
  items: Type.Optional(
    Type.Array(Type.Object({ id: Type.Optional(Id), errors: Type.Optional(Type.Array(Refusal)) })),
  ),
});
export type Accepted = Static<typeof Accepted>;

export const MESSAGE_STATES = [
  'scheduled',
  'queued',
  'deferred',
  'delivered',
  'bounced',
  'suppressed',
  'cancelled',
] as const;
export type MessageState = (typeof MESSAGE_STATES)[number];
const State = Type.Enum([...MESSAGE_STATES]);

export const MessageSummary = Type.Object({
  id: Id,
  via: Type.Enum(['api', 'smtp']),
  from: From,
  subject: Type.String(),
  tags: Type.Array(Type.String()),
  templateId: Nullable(Id),
  recipients: Type.Array(Type.Object({ address: Type.String(), state: State })),
  sendAt: Nullable(Time),
  createdAt: Time,
});
export type MessageSummary = Static<typeof MessageSummary>;
/** With everything that happened, oldest first. */
export const Message = Type.Object({
  ...MessageSummary.properties,
  events: Type.Array(
    Type.Object({
      ...Type.Omit(Delivery, ['campaignId', 'campaignName', 'subscriberId']).properties,
      /** clicked: where the link leads */
      url: Nullable(Type.String()),
    }),
  ),
});
export type Message = Static<typeof Message>;

export const MessageQuery = Type.Object({
  ...PageQuery.properties,
  recipient: Type.Optional(Type.String({ maxLength: 320 })),
  tag: Type.Optional(Type.String({ maxLength: 64 })),
});

export const Template = Type.Object({
  id: Id,
  name: Type.String(),
  subject: Type.String(),
  html: Type.String(),
  text: Type.String(),
  /** that messages must bring a value for */
  variables: Type.Array(Type.String()),
  createdAt: Time,
  updatedAt: Time,
});
export type Template = Static<typeof Template>;
const templateFields = {
  name: Type.String({ minLength: 1, maxLength: 200 }),
  subject: Type.String({ minLength: 1, maxLength: 500 }),
  html: Type.Optional(Type.String({ maxLength: 2_000_000 })),
  text: Type.Optional(Type.String({ maxLength: 2_000_000 })),
};
export const TemplateCreate = Type.Object(templateFields);
export const TemplatePatch = Type.Partial(Type.Object(templateFields));
