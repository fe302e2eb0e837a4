import Type, { type Static } from 'typebox';
import { Id, Nullable, PageQuery, Time } from '../schemas.ts';

export const List = Type.Object({
  id: Id,
  name: Type.String(),
  description: Type.String(),
  /** members who are subscribed, and who left */
  subscribed: Type.Integer(),
  unsubscribed: Type.Integer(),
  createdAt: Time,
  updatedAt: Time,
});
export type List = Static<typeof List>;
export const ListCreate = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 200 }),
  description: Type.Optional(Type.String({ maxLength: 2000 })),
});
export const ListPatch = Type.Partial(ListCreate);

export const AttributeType = Type.Union([
  Type.Literal('text'),
  Type.Literal('number'),
  Type.Literal('date'),
  Type.Literal('boolean'),
]);
export const Attribute = Type.Object({
  id: Id,
  key: Type.String(),
  label: Type.String(),
  type: AttributeType,
  createdAt: Time,
});
export type Attribute = Static<typeof Attribute>;
export const AttributeCreate = Type.Object({
  key: Type.String({ pattern: '^[a-z][a-z0-9_]{0,39}$' }),
  label: Type.String({ minLength: 1, maxLength: 100 }),
  type: AttributeType,
});
/** Key and type stay: content and rows depend on them. */
export const AttributePatch = Type.Object({ label: Type.String({ minLength: 1, maxLength: 100 }) });

export const MembershipState = Type.Union([Type.Literal('subscribed'), Type.Literal('unsubscribed')]);
export const Membership = Type.Object({
  listId: Id,
  listName: Type.String(),
  state: MembershipState,
  source: Type.String(),
  createdAt: Time,
  unsubscribedAt: Nullable(Time),
});
export type Membership = Static<typeof Membership>;
export const AttributeValue = Type.Union([Type.String(), Type.Number(), Type.Boolean()]);
export const Subscriber = Type.Object({
  id: Id,
  email: Type.String(),
  name: Type.String(),
  attributes: Type.Record(Type.String(), AttributeValue),
  /** why no mail goes to this address any more, null when it may */
  suppressed: Nullable(
    Type.Object({
      id: Id,
      reason: Type.String(),
      scope: Type.String(),
      origin: Type.String(),
      createdAt: Time,
    }),
  ),
  createdAt: Time,
  updatedAt: Time,
});
export type Subscriber = Static<typeof Subscriber>;
/** One person: with memberships. */
export const SubscriberDetail = Type.Object({
  ...Subscriber.properties,
  memberships: Type.Array(Membership),
});
export type SubscriberDetail = Static<typeof SubscriberDetail>;
export const SubscriberCreate = Type.Object({
  email: Type.String({ minLength: 3, maxLength: 320 }),
  name: Type.Optional(Type.String({ maxLength: 200 })),
  attributes: Type.Optional(Type.Record(Type.String(), Nullable(AttributeValue))),
  listIds: Type.Optional(Type.Array(Id)),
});
/** Attributes are merged; null removes one. */
export const SubscriberPatch = Type.Object({
  email: Type.Optional(Type.String({ minLength: 3, maxLength: 320 })),
  name: Type.Optional(Type.String({ maxLength: 200 })),
  attributes: Type.Optional(Type.Record(Type.String(), Nullable(AttributeValue))),
});
export const SubscriberQuery = Type.Object({
  ...PageQuery.properties,
  /** part of the address or the name */
  q: Type.Optional(Type.String({ maxLength: 200 })),
  listId: Type.Optional(Id),
  /** with listId: only these members */
  state: Type.Optional(MembershipState),
});
/** All that ever happened to a person, newest first: imports, memberships, deliveries, opens, clicks. */
export const TimelineEntry = Type.Object({
  at: Time,
  kind: Type.Enum([
    'created',
    'subscribed',
    'unsubscribed',
    'suppressed',
    'delivered',
    'deferred',
    'bounced',
    'skipped',
    'opened',
    'clicked',
    'complained',
  ]),
  campaignId: Nullable(Id),
  campaignName: Nullable(Type.String()),
  /** list's name, link's URL, SMTP reply or reason */
  detail: Type.String(),
});
export type TimelineEntry = Static<typeof TimelineEntry>;

export const ImportState = Type.Enum(['queued', 'running', 'done', 'failed', 'cancelled']);
export const Import = Type.Object({
  id: Id,
  listId: Id,
  fileName: Type.String(),
  state: ImportState,
  encoding: Type.String(),
  delimiter: Type.String(),
  mapping: Type.Array(Nullable(Type.String())),
  totalBytes: Type.Integer(),
  readBytes: Type.Integer(),
  rows: Type.Integer(),
  created: Type.Integer(),
  updated: Type.Integer(),
  rejected: Type.Integer(),
  /** of `updated`: people who had left the list; they stay unsubscribed and stand as notes in rejected.csv */
  keptUnsubscribed: Type.Integer(),
  /** failed: `code: Japanese (English)` */
  error: Nullable(Type.String()),
  createdAt: Time,
  startedAt: Nullable(Time),
  finishedAt: Nullable(Time),
});
export type Import = Static<typeof Import>;
/** POST /imports/preview (multipart `file`, only the first 256 KiB are read): what an import would see. */
export const ImportPreview = Type.Object({
  encoding: Type.String(),
  delimiter: Type.String(),
  hasHeader: Type.Boolean(),
  columns: Type.Array(
    Type.Object({
      header: Type.String(),
      samples: Type.Array(Type.String()),
      /** `email`, `name`, an attribute's key, or null: leave out */
      suggestion: Nullable(Type.String()),
    }),
  ),
});
export type ImportPreview = Static<typeof ImportPreview>;

export const Suppression = Type.Object({
  id: Id,
  email: Type.String(),
  reason: Type.String(),
  scope: Type.Union([Type.Literal('all'), Type.Literal('marketing')]),
  origin: Type.String(),
  note: Type.String(),
  createdAt: Time,
});
export type Suppression = Static<typeof Suppression>;
export const SuppressionCreate = Type.Object({
  email: Type.String({ minLength: 3, maxLength: 320 }),
  scope: Type.Optional(Type.Union([Type.Literal('all'), Type.Literal('marketing')])),
  note: Type.Optional(Type.String({ maxLength: 500 })),
});

/** GET /search?q=…: a handful of each kind that the caller may read, best first. */
export const SearchQuery = Type.Object({ q: Type.String({ minLength: 1, maxLength: 200 }) });
export const SearchHit = Type.Object({
  kind: Type.Union([Type.Literal('subscriber'), Type.Literal('list'), Type.Literal('campaign')]),
  id: Id,
  /** address, list's or campaign's name */
  title: Type.String(),
  /** name of the person, description, state of the campaign */
  detail: Type.String(),
});
export type SearchHit = Static<typeof SearchHit>;
export const SearchResult = Type.Object({ items: Type.Array(SearchHit) });
export type SearchResult = Static<typeof SearchResult>;
