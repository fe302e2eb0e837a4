/**
 * todoke.db: people, lists, content, campaigns, users, settings, folded statistics. Written by the server alone.
 * Times are epoch milliseconds. AUTOINCREMENT where an id leaves the house (tokens, ledger): it must never be
 * used again after an erasure.
 */
import { sql } from 'drizzle-orm';
import {
  type AnySQLiteColumn,
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
  uniqueIndex,
} from 'drizzle-orm/sqlite-core';
import type { BackoffTrigger, RelayHost, ShapingValues } from '../../mta/index.ts';

const id = () => integer('id').primaryKey({ autoIncrement: true });
const now = sql`(unixepoch('subsec') * 1000)`;
const createdAt = () => integer('created_at').notNull().default(now);
const updatedAt = () => integer('updated_at').notNull().default(now);

// ---- auth

export const users = sqliteTable('users', {
  id: id(),
  email: text('email').notNull().unique(),
  name: text('name').notNull(),
  role: text('role', { enum: ['administrator', 'editor', 'approver', 'viewer'] }).notNull(),
  passwordHash: text('password_hash').notNull(),
  language: text('language', { enum: ['ja', 'en'] })
    .notNull()
    .default('ja'),
  disabledAt: integer('disabled_at'),
  lastLoginAt: integer('last_login_at'),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
});

export const sessions = sqliteTable(
  'sessions',
  {
    /** SHA-256 of the cookie's value, hex */
    tokenHash: text('token_hash').primaryKey(),
    userId: integer('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    createdAt: createdAt(),
    lastSeenAt: integer('last_seen_at').notNull(),
    expiresAt: integer('expires_at').notNull(),
    ip: text('ip').notNull(),
    userAgent: text('user_agent').notNull(),
  },
  (t) => [index('sessions_user').on(t.userId)],
);

export const apiKeys = sqliteTable('api_keys', {
  id: id(),
  name: text('name').notNull(),
  /** `tdk_` and the first characters, to tell keys apart */
  prefix: text('prefix').notNull(),
  /** SHA-256 of the whole key, hex (keys are 256 random bits, so a slow hash adds nothing) */
  keyHash: text('key_hash').notNull().unique(),
  scopes: text('scopes', { mode: 'json' }).$type<string[]>().notNull(),
  createdBy: integer('created_by'),
  createdAt: createdAt(),
  lastUsedAt: integer('last_used_at'),
  revokedAt: integer('revoked_at'),
});

export const auditLog = sqliteTable(
  'audit_log',
  {
    id: id(),
    at: integer('at').notNull().default(now),
    actorKind: text('actor_kind', { enum: ['user', 'key', 'system'] }).notNull(),
    actorId: integer('actor_id'),
    actorName: text('actor_name').notNull(),
    /** verb and noun, e.g. `campaign.start` */
    action: text('action').notNull(),
    /** what it was done to, e.g. `campaign:12` */
    target: text('target').notNull(),
    detail: text('detail', { mode: 'json' }).$type<Record<string, unknown>>().notNull().default({}),
    ip: text('ip').notNull().default(''),
  },
  (t) => [index('audit_target').on(t.target)],
);

export const idempotencyKeys = sqliteTable(
  'idempotency_keys',
  {
    actor: text('actor').notNull(),
    key: text('key').notNull(),
    route: text('route').notNull(),
    requestHash: text('request_hash').notNull(),
    /** null while the first request is still running */
    status: integer('status'),
    body: text('body'),
    createdAt: createdAt(),
  },
  (t) => [primaryKey({ columns: [t.actor, t.key] }), index('idempotency_created').on(t.createdAt)],
);

export const settings = sqliteTable('settings', {
  key: text('key').primaryKey(),
  value: text('value', { mode: 'json' }).$type<unknown>().notNull(),
  updatedAt: updatedAt(),
});

// ---- audience

export const lists = sqliteTable('lists', {
  id: id(),
  name: text('name').notNull(),
  description: text('description').notNull().default(''),
  /** Members by state, kept by triggers on memberships (migration 0002): never write them. */
  subscribed: integer('subscribed').notNull().default(0),
  unsubscribed: integer('unsubscribed').notNull().default(0),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
});

export const attributes = sqliteTable('attributes', {
  id: id(),
  /** Liquid name: [a-z][a-z0-9_]* */
  key: text('key').notNull().unique(),
  label: text('label').notNull(),
  type: text('type', { enum: ['text', 'number', 'date', 'boolean'] }).notNull(),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
});

export const subscribers = sqliteTable('subscribers', {
  id: id(),
  /** as typed, for sending */
  email: text('email').notNull(),
  /** normalised, for identity */
  emailKey: text('email_key').notNull().unique(),
  name: text('name').notNull().default(''),
  /** attribute key → value by the attribute's type; dates are YYYY-MM-DD */
  attributes: text('attributes', { mode: 'json' })
    .$type<Record<string, string | number | boolean>>()
    .notNull()
    .default({}),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
});

/** WITHOUT ROWID (migration 0002), which drizzle cannot say: a migration that rebuilds it must keep that and the triggers. */
export const memberships = sqliteTable(
  'memberships',
  {
    listId: integer('list_id')
      .notNull()
      .references(() => lists.id, { onDelete: 'cascade' }),
    subscriberId: integer('subscriber_id')
      .notNull()
      .references(() => subscribers.id, { onDelete: 'cascade' }),
    state: text('state', { enum: ['subscribed', 'unsubscribed'] }).notNull(),
    /** how the consent came: `import:3`, `api`, `ui`; with createdAt its record, renewed when somebody comes back */
    source: text('source').notNull(),
    createdAt: createdAt(),
    unsubscribedAt: integer('unsubscribed_at'),
    /** how they left: `campaign:12`, `api`, `ui` */
    unsubscribedBy: text('unsubscribed_by'),
  },
  (t) => [
    primaryKey({ columns: [t.listId, t.subscriberId] }),
    index('memberships_subscriber').on(t.subscriberId),
  ],
);

export const imports = sqliteTable('imports', {
  id: id(),
  listId: integer('list_id').notNull(),
  fileName: text('file_name').notNull(),
  state: text('state', { enum: ['queued', 'running', 'done', 'failed', 'cancelled'] }).notNull(),
  encoding: text('encoding').notNull().default(''),
  delimiter: text('delimiter').notNull().default(''),
  /** column index → `email`, `name`, attribute key, or null to leave out */
  mapping: text('mapping', { mode: 'json' }).$type<(string | null)[]>().notNull(),
  hasHeader: integer('has_header', { mode: 'boolean' }).notNull().default(true),
  totalBytes: integer('total_bytes').notNull(),
  readBytes: integer('read_bytes').notNull().default(0),
  rows: integer('rows').notNull().default(0),
  created: integer('created').notNull().default(0),
  updated: integer('updated').notNull().default(0),
  rejected: integer('rejected').notNull().default(0),
  /** of `updated`: had left the list and were not subscribed again */
  keptUnsubscribed: integer('kept_unsubscribed').notNull().default(0),
  /** length of the file of rejected rows when `rows` was written: a resumed import cuts it there */
  rejectedBytes: integer('rejected_bytes').notNull().default(0),
  error: text('error'),
  createdBy: text('created_by').notNull().default(''),
  createdAt: createdAt(),
  startedAt: integer('started_at'),
  finishedAt: integer('finished_at'),
});

export const suppressions = sqliteTable(
  'suppressions',
  {
    id: id(),
    /** normalised; `hash:` and a keyed hash once the person was erased, until the address comes back */
    emailKey: text('email_key').notNull(),
    /** '' once the person was erased */
    email: text('email').notNull(),
    reason: text('reason').notNull(),
    /** `all` mail or `marketing` only; a list's unsubscribes live in memberships */
    scope: text('scope', { enum: ['all', 'marketing'] }).notNull(),
    /** `bounce`, `unsubscribe`, `complaint`, `manual` */
    origin: text('origin').notNull(),
    ledgerId: integer('ledger_id'),
    note: text('note').notNull().default(''),
    createdAt: createdAt(),
  },
  (t) => [uniqueIndex('suppressions_key').on(t.emailKey, t.scope)],
);

/**
 * Who was erased in the last days, by keyed hash (suppression/hashed-key.ts): the spool goes on stopping mail to them
 * for a week, which must end when the address comes back.
 */
export const erasedAddresses = sqliteTable('erased_addresses', {
  keyHash: text('key_hash').primaryKey(),
  at: integer('at').notNull(),
});

// ---- campaigns

export const campaigns = sqliteTable(
  'campaigns',
  {
    id: id(),
    name: text('name').notNull(),
    state: text('state', { enum: ['draft', 'scheduled', 'sending', 'paused', 'finished', 'cancelled'] })
      .notNull()
      .default('draft'),
    subject: text('subject').notNull().default(''),
    fromName: text('from_name').notNull().default(''),
    fromAddress: text('from_address').notNull().default(''),
    replyTo: text('reply_to').notNull().default(''),
    html: text('html').notNull().default(''),
    text: text('text').notNull().default(''),
    listIds: text('list_ids', { mode: 'json' }).$type<number[]>().notNull().default([]),
    trackOpens: integer('track_opens', { mode: 'boolean' }).notNull().default(true),
    trackClicks: integer('track_clicks', { mode: 'boolean' }).notNull().default(true),
    /** the pool that it leaves by; null: the sending domain's, else the class's */
    poolId: integer('pool_id').references((): AnySQLiteColumn => ipPools.id, { onDelete: 'set null' }),
    /** grows with every change: an editor that saves an old revision gets 409 */
    revision: integer('revision').notNull().default(1),
    scheduledAt: integer('scheduled_at'),
    startedAt: integer('started_at'),
    finishedAt: integer('finished_at'),
    /** the spool's job, set at start */
    jobId: integer('job_id').unique(),
    /** the audience is frozen at start: members since then do not count */
    audienceMaxId: integer('audience_max_id'),
    createdBy: text('created_by').notNull().default(''),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [index('campaigns_state').on(t.state)],
);

/** The links of a campaign as they were compiled at start. */
export const campaignLinks = sqliteTable(
  'campaign_links',
  {
    campaignId: integer('campaign_id')
      .notNull()
      .references(() => campaigns.id, { onDelete: 'cascade' }),
    index: integer('link_index').notNull(),
    url: text('url').notNull(),
    text: text('text').notNull(),
    clicks: integer('clicks').notNull().default(0),
    uniqueClicks: integer('unique_clicks').notNull().default(0),
  },
  (t) => [primaryKey({ columns: [t.campaignId, t.index] })],
);

// ---- folded statistics (all from the ledger, see campaigns/fold.ts)

export const campaignStats = sqliteTable('campaign_stats', {
  campaignId: integer('campaign_id')
    .primaryKey()
    .references(() => campaigns.id, { onDelete: 'cascade' }),
  delivered: integer('delivered').notNull().default(0),
  /** waiting for another attempt now */
  deferred: integer('deferred').notNull().default(0),
  /** deferrals in all */
  deferrals: integer('deferrals').notNull().default(0),
  bounced: integer('bounced').notNull().default(0),
  suppressed: integer('suppressed').notNull().default(0),
  opens: integer('opens').notNull().default(0),
  uniqueOpens: integer('unique_opens').notNull().default(0),
  clicks: integer('clicks').notNull().default(0),
  uniqueClicks: integer('unique_clicks').notNull().default(0),
  unsubscribes: integer('unsubscribes').notNull().default(0),
  complaints: integer('complaints').notNull().default(0),
});

export const campaignProviderStats = sqliteTable(
  'campaign_provider_stats',
  {
    campaignId: integer('campaign_id')
      .notNull()
      .references(() => campaigns.id, { onDelete: 'cascade' }),
    provider: text('provider').notNull(),
    delivered: integer('delivered').notNull().default(0),
    deferrals: integer('deferrals').notNull().default(0),
    bounced: integer('bounced').notNull().default(0),
    suppressed: integer('suppressed').notNull().default(0),
  },
  (t) => [primaryKey({ columns: [t.campaignId, t.provider] })],
);

/** Per minute; charts add them up to hours or days. */
export const campaignTimeStats = sqliteTable(
  'campaign_time_stats',
  {
    campaignId: integer('campaign_id')
      .notNull()
      .references(() => campaigns.id, { onDelete: 'cascade' }),
    /** epoch ms, start of the minute */
    minute: integer('minute').notNull(),
    kind: text('kind').notNull(),
    count: integer('count').notNull().default(0),
  },
  (t) => [primaryKey({ columns: [t.campaignId, t.minute, t.kind] })],
);

/** One row for every person who did something: what rates count, once each. */
export const engagements = sqliteTable(
  'engagements',
  {
    campaignId: integer('campaign_id')
      .notNull()
      .references(() => campaigns.id, { onDelete: 'cascade' }),
    subscriberId: integer('subscriber_id').notNull(),
    openedAt: integer('opened_at'),
    clickedAt: integer('clicked_at'),
    unsubscribedAt: integer('unsubscribed_at'),
  },
  (t) => [
    primaryKey({ columns: [t.campaignId, t.subscriberId] }),
    index('engagements_subscriber').on(t.subscriberId),
  ],
);

/** Which links a person clicked in a campaign: unique clicks per link. */
export const linkEngagements = sqliteTable(
  'link_engagements',
  {
    campaignId: integer('campaign_id')
      .notNull()
      .references(() => campaigns.id, { onDelete: 'cascade' }),
    subscriberId: integer('subscriber_id').notNull(),
    index: integer('link_index').notNull(),
  },
  (t) => [primaryKey({ columns: [t.campaignId, t.subscriberId, t.index] })],
);

/** How far the fold has read the ledger; moves in the same transaction as the counters. */
export const foldCursors = sqliteTable('fold_cursors', {
  name: text('name').primaryKey(),
  ledgerId: integer('ledger_id').notNull(),
});

// ---- transactional messages

/** A reusable start for messages: everything marked Liquid may use the message's variables. */
export const templates = sqliteTable('templates', {
  id: id(),
  name: text('name').notNull().unique(),
  subject: text('subject').notNull(),
  html: text('html').notNull().default(''),
  text: text('text').notNull().default(''),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
});

/**
 * What was accepted by API or SMTP. What became of it is in the ledger, under the job `message:ID`; its content in the spool.
 * A row is written before its job: one without a job was never answered for (see messages/accept.ts).
 */
export const messages = sqliteTable(
  'messages',
  {
    id: id(),
    via: text('via', { enum: ['api', 'smtp'] }).notNull(),
    actorKind: text('actor_kind', { enum: ['user', 'key', 'network'] }).notNull(),
    actorId: integer('actor_id'),
    fromName: text('from_name').notNull(),
    fromAddress: text('from_address').notNull(),
    subject: text('subject').notNull(),
    tags: text('tags', { mode: 'json' }).$type<string[]>().notNull().default([]),
    templateId: integer('template_id').references(() => templates.id, { onDelete: 'set null' }),
    /** by index, where clicks lead; empty when they are not counted */
    links: text('links', { mode: 'json' }).$type<string[]>().notNull().default([]),
    /** epoch ms before which it does not leave; null: at once */
    sendAt: integer('send_at'),
    cancelledAt: integer('cancelled_at'),
    createdAt: createdAt(),
  },
  (t) => [index('messages_actor').on(t.actorKind, t.actorId)],
);

export const messageRecipients = sqliteTable(
  'message_recipients',
  {
    messageId: integer('message_id')
      .notNull()
      .references(() => messages.id, { onDelete: 'cascade' }),
    position: integer('position').notNull(),
    /** as typed; '' once the person was erased */
    address: text('address').notNull(),
    /** normalised, for search; '' once the person was erased */
    addressKey: text('address_key').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.messageId, t.position] }),
    index('message_recipients_key').on(t.addressKey, t.messageId),
  ],
);

// ---- delivery settings (published to the MTA)

/** An EHLO name and a warm-up belong to the address, in whatever pools it is: see `ip_sources`. */
export const ipPools = sqliteTable('ip_pools', {
  id: id(),
  name: text('name').notNull().unique(),
  sources: text('sources', { mode: 'json' }).$type<{ address: string; weight: number }[]>().notNull(),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
});

export const ipSources = sqliteTable('ip_sources', {
  address: text('address').primaryKey(),
  ehlo: text('ehlo').notNull(),
  /** null: not warming; `plan` absent: the built-in one */
  warmUp: text('warm_up', { mode: 'json' }).$type<{ startedAt: number; plan?: number[] | undefined }>(),
});

/** What was changed of a built-in provider, or a provider of one's own (`mx` and `domains` set). */
export const shapingOverrides = sqliteTable('shaping_overrides', {
  provider: text('provider').primaryKey(),
  label: text('label'),
  mx: text('mx', { mode: 'json' }).$type<string[]>(),
  domains: text('domains', { mode: 'json' }).$type<string[]>(),
  values: text('limit_values', { mode: 'json' }).$type<Partial<ShapingValues>>().notNull().default({}),
  /** null: the built-in triggers hold */
  backoff: text('backoff', { mode: 'json' }).$type<BackoffTrigger[]>(),
  updatedAt: updatedAt(),
});

export const tlsRules = sqliteTable('tls_rules', {
  id: id(),
  match: text('match').notNull().unique(),
  mode: text('mode', { enum: ['none', 'opportunistic', 'required', 'verified'] }).notNull(),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
});

/** Times are epoch ms. `name` and `value` are what was wanted then: a check of another record says nothing about this one. */
interface DomainChecks {
  records: {
    key: string;
    name: string;
    value: string;
    state: 'ok' | 'missing' | 'different' | 'error';
    found: string[];
    advice: { code: string; values: Record<string, string> }[];
    at: number;
  }[];
  /** the addresses that the domain's mail leaves by, as far as the DNS knows them */
  addresses: { address: string; ehlo: string }[];
}

export const sendingDomains = sqliteTable('sending_domains', {
  id: id(),
  domain: text('domain').notNull().unique(),
  returnPathDomain: text('return_path_domain').notNull(),
  /** the pool that mail from it leaves by, unless the campaign names one; null: the class's */
  poolId: integer('pool_id').references((): AnySQLiteColumn => ipPools.id),
  /** the policy that its DMARC record should have, and where reports go ('' for none) */
  dmarcPolicy: text('dmarc_policy', { enum: ['none', 'quarantine', 'reject'] })
    .notNull()
    .default('none'),
  dmarcReports: text('dmarc_reports').notNull().default(''),
  /** what the last look-up of its DNS records found; null: never checked */
  checks: text('checks', { mode: 'json' }).$type<DomainChecks>(),
  checkedAt: integer('checked_at'),
  createdAt: createdAt(),
});

export const dkimKeys = sqliteTable(
  'dkim_keys',
  {
    id: id(),
    sendingDomainId: integer('sending_domain_id')
      .notNull()
      .references(() => sendingDomains.id, { onDelete: 'cascade' }),
    selector: text('selector').notNull(),
    algorithm: text('algorithm', { enum: ['rsa-2048', 'ed25519'] }).notNull(),
    /** PEM, PKCS#8; never leaves by the API; '' once retired */
    privateKey: text('private_key').notNull(),
    /** base64, as it stands in the DNS record */
    publicKey: text('public_key').notNull(),
    /** `pending` is not used yet, `active` signs, `retiring` signs no more but its record must stay, `retired` is over */
    state: text('state', { enum: ['pending', 'active', 'retiring', 'retired'] }).notNull(),
    createdAt: createdAt(),
    activatedAt: integer('activated_at'),
    /** when a retiring key's record may go */
    retireAt: integer('retire_at'),
  },
  (t) => [uniqueIndex('dkim_keys_selector').on(t.sendingDomainId, t.selector)],
);

export const routes = sqliteTable('routes', {
  id: id(),
  match: text('match').notNull().unique(),
  /** with passwords and private keys: never answered */
  relay: text('relay', { mode: 'json' }).$type<RelayHost[]>().notNull().default([]),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
});

// ---- webhooks (folds over the ledger: see webhooks/sender.ts)

/** Which events a webhook wants; kept with each delivery, so that it is rebuilt as it was. */
interface WebhookFilter {
  /** event types of webhooks/events.ts */
  events: string[];
  mail: 'all' | 'campaigns' | 'transactional';
}

export const webhooks = sqliteTable('webhooks', {
  id: id(),
  name: text('name').notNull(),
  url: text('url').notNull(),
  filter: text('filter', { mode: 'json' }).$type<WebhookFilter>().notNull(),
  /** events in one request at most */
  batchSize: integer('batch_size').notNull(),
  /** null: enabled; `gone`: it answered 410; `failing`: three days long nothing was taken */
  disabled: text('disabled', { enum: ['person', 'gone', 'failing'] }),
  disabledAt: integer('disabled_at'),
  /** `whsec_` and base64: it signs, so it is kept as it is; never leaves by the API after it was made */
  secret: text('secret').notNull(),
  secretAt: integer('secret_at').notNull(),
  /** signs as well until then, so that the receiver has time to change over */
  previousSecret: text('previous_secret'),
  previousUntil: integer('previous_until'),
  /** what has been put into deliveries: ledger rows and `webhook_outbox` rows up to these ids */
  ledgerId: integer('ledger_id').notNull(),
  outboxId: integer('outbox_id').notNull(),
  /** since when nothing has been taken, null while all is well */
  failingSince: integer('failing_since'),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
});

/** Requests to webhooks: a range of events each, from which the body is built whenever it is needed. */
export const webhookDeliveries = sqliteTable(
  'webhook_deliveries',
  {
    id: id(),
    webhookId: integer('webhook_id')
      .notNull()
      .references(() => webhooks.id, { onDelete: 'cascade' }),
    /** the header `webhook-id`, the same in every attempt */
    messageId: text('message_id').notNull(),
    /** `events` are the webhook's own sequence, one at a time; a `test` or a `replay` is tried once, beside it */
    kind: text('kind', { enum: ['events', 'test', 'replay'] }).notNull(),
    /** `skipped`: somebody moved the webhook on or back before it was taken */
    state: text('state', { enum: ['waiting', 'delivered', 'failed', 'skipped'] })
      .notNull()
      .default('waiting'),
    filter: text('filter', { mode: 'json' }).$type<WebhookFilter>().notNull(),
    /** exclusive / inclusive */
    ledgerFrom: integer('ledger_from').notNull(),
    ledgerThrough: integer('ledger_through').notNull(),
    outboxFrom: integer('outbox_from').notNull(),
    outboxThrough: integer('outbox_through').notNull(),
    events: integer('events').notNull(),
    attempts: integer('attempts').notNull().default(0),
    createdAt: integer('created_at').notNull(),
    nextAt: integer('next_at'),
    // the last attempt
    attemptedAt: integer('attempted_at'),
    /** HTTP status, 0: none came, and `error` says why */
    status: integer('status').notNull().default(0),
    error: text('error').notNull().default(''),
    ms: integer('ms').notNull().default(0),
    /** the beginning of the answer's body */
    response: text('response').notNull().default(''),
  },
  (t) => [
    index('webhook_deliveries_webhook').on(t.webhookId, t.id),
    index('webhook_deliveries_waiting').on(t.webhookId, t.kind).where(sql`state = 'waiting'`),
  ],
);

/**
 * Events that are not in the ledger: the ends of campaigns. Written by a trigger on `campaigns` (migration 0008), in the
 * same transaction as the state, whoever sets it: a migration that rebuilds `campaigns` must keep it.
 */
export const webhookOutbox = sqliteTable('webhook_outbox', {
  id: id(),
  at: integer('at').notNull(),
  type: text('type').notNull(),
  campaignId: integer('campaign_id').notNull(),
  /** comes after all ledger rows up to this one: how far the campaigns' fold had read */
  ledgerId: integer('ledger_id').notNull(),
  detail: text('detail', { mode: 'json' }).$type<Record<string, unknown>>().notNull(),
});
