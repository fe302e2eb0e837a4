/** What a webhook is told: one ledger row or one end of a campaign each. */
import Type, { type Static } from 'typebox';
import {
  type DeliveryClass,
  type JobLedgerRow,
  LEDGER_KINDS,
  type LedgerKind,
  PHASES,
  REASONS,
} from '../../mta/index.ts';
import { Id, iso, Nullable, Time } from '../schemas.ts';

const CAMPAIGN_EVENTS = ['campaign.finished', 'campaign.aborted'] as const;
/** What one can ask for; ledger rows go by the name of their kind. */
export const EVENT_TYPES = [...LEDGER_KINDS, ...CAMPAIGN_EVENTS] as const;
export type EventType = (typeof EVENT_TYPES)[number];
export const MAIL_CHOICES = ['all', 'campaigns', 'transactional'] as const;

export interface Filter {
  events: readonly string[];
  mail: (typeof MAIL_CHOICES)[number];
}

/** Test mails are nobody's business but the author's. */
const CLASSES: Record<Filter['mail'], DeliveryClass[]> = {
  all: ['bulk', 'transactional'],
  campaigns: ['bulk'],
  transactional: ['transactional'],
};

/** The ledger's part of a filter, null: nothing of the ledger is wanted. */
export function ledgerFilter(filter: Filter): { kinds: LedgerKind[]; classes: DeliveryClass[] } | null {
  const kinds = LEDGER_KINDS.filter((kind) => filter.events.includes(kind));
  return kinds.length === 0 ? null : { kinds, classes: CLASSES[filter.mail] };
}

export const wantsCampaignEvent = (filter: Filter, type: string): boolean =>
  filter.mail !== 'transactional' && filter.events.includes(type);

const Attempt = {
  attempt: Type.Optional(Type.Integer({ description: 'which attempt it was, from 1' })),
  code: Type.Optional(Nullable(Type.Integer({ description: 'SMTP reply code, null when no reply came' }))),
  status: Type.Optional(Nullable(Type.String({ description: 'enhanced status (RFC 3463) such as 5.1.1' }))),
  reason: Type.Optional(Nullable(Type.Enum([...REASONS]))),
  phase: Type.Optional(Type.Enum([...PHASES])),
  reply: Type.Optional(Type.String({ description: "the server's reply, its lines joined with LF" })),
  provider: Type.Optional(Type.String()),
  mx: Type.Optional(Nullable(Type.String())),
};

export const WebhookEvent = Type.Object(
  {
    id: Type.String({ description: 'stable: the same event, sent again, has the same id' }),
    type: Type.Enum([...EVENT_TYPES, 'test']),
    at: Time,
    campaignId: Type.Optional(Nullable(Id)),
    messageId: Type.Optional(Nullable(Id)),
    deliveryId: Type.Optional(Type.Integer({ description: 'one mail to one person, over all its attempts' })),
    listId: Type.Optional(Nullable(Id)),
    subscriberId: Type.Optional(Nullable(Id)),
    recipient: Type.Optional(
      Nullable(Type.String({ description: 'the address; null once the person was erased' })),
    ),
    ...Attempt,
    url: Type.Optional(Nullable(Type.String({ description: 'clicked: the link as it was written' }))),
    ip: Type.Optional(Nullable(Type.String({ description: "opened, clicked, unsubscribed: the reader's" }))),
    userAgent: Type.Optional(Nullable(Type.String())),
    campaignName: Type.Optional(Type.String()),
    delivered: Type.Optional(Type.Integer()),
    bounced: Type.Optional(Type.Integer()),
    suppressed: Type.Optional(Type.Integer()),
    message: Type.Optional(Type.String({ description: 'test: says that it is one' })),
  },
  { description: 'Which properties there are depends on `type`.' },
);
export type WebhookEvent = Static<typeof WebhookEvent>;

/** What a mail was: of a campaign, or a message by itself. */
export type Owner = { campaignId: number } | { messageId: number } | null;

/** By the name of its job (campaigns/start.ts, messages/accept.ts). */
function ownerOf(ref: string): Owner {
  const [, kind, id] = /^(campaign|message):([1-9]\d*)/.exec(ref) ?? [];
  if (kind === undefined) return null;
  return kind === 'campaign' ? { campaignId: Number(id) } : { messageId: Number(id) };
}

/** What the ledger does not know itself. */
export interface Names {
  /** undefined: erased, or nobody's subscriber */
  email(subscriberId: number): string | undefined;
  /** undefined: not known any more */
  link(owner: Owner, index: number): string | undefined;
}

/** Kinds that are outcomes of an attempt; the others are what readers do. */
const ATTEMPTS: ReadonlySet<LedgerKind> = new Set<LedgerKind>([
  'delivered',
  'deferred',
  'bounced',
  'suppressed',
]);

export function ledgerEvent(row: JobLedgerRow, names: Names): WebhookEvent {
  const owner = ownerOf(row.ref);
  const email = row.subscriberId > 0 ? names.email(row.subscriberId) : undefined;
  const event: WebhookEvent = {
    id: `evt_${row.id}`,
    type: row.kind,
    at: iso(row.at),
    campaignId: owner && 'campaignId' in owner ? owner.campaignId : null,
    messageId: owner && 'messageId' in owner ? owner.messageId : null,
    deliveryId: row.deliveryId,
    listId: row.listId || null,
    // an erased person has no page to look at
    subscriberId: email === undefined ? null : row.subscriberId,
    // readers' rows carry no address of their own
    recipient: row.recipient || (email ?? null),
  };
  if (row.kind === 'clicked') event.url = names.link(owner, row.link) ?? null;
  if (!ATTEMPTS.has(row.kind)) return { ...event, ip: row.ip || null, userAgent: row.userAgent || null };
  return {
    ...event,
    attempt: row.attempt,
    code: row.code || null,
    status: row.status || null,
    reason: row.reason || null,
    phase: row.phase,
    reply: row.reply,
    provider: row.provider,
    mx: row.mx || null,
  };
}

export interface OutboxRow {
  id: number;
  at: number;
  type: string;
  campaignId: number;
  ledgerId: number;
  detail: Record<string, unknown>;
}

export function campaignEvent({ id, at, type, campaignId, detail }: OutboxRow): WebhookEvent {
  return {
    id: `evt_c${id}`,
    type: type as EventType,
    at: iso(at),
    campaignId,
    ...(detail as Pick<WebhookEvent, 'campaignName' | 'delivered' | 'bounced' | 'suppressed'>),
  };
}

export function testEvent(messageId: string, at: number): WebhookEvent {
  return {
    id: messageId.replace(/^msg/, 'evt'),
    type: 'test',
    at: iso(at),
    message: 'A test from Todoke: nothing was mailed, and nobody did anything.',
  };
}
