/**
 * The words that the MTA and its callers share. Times are epoch milliseconds, ids are positive integers,
 * addresses are kept as typed. Nothing here knows of campaigns, HTTP or users.
 */

/** Who waits for whom: transactional before test before bulk. */
export const DELIVERY_CLASSES = ['transactional', 'test', 'bulk'] as const;
export type DeliveryClass = (typeof DELIVERY_CLASSES)[number];

/** `cancelled` is final: what is unsent is settled as suppressed with reason `cancelled`. */
export type JobState = 'active' | 'paused' | 'cancelled';

/** What to send, before it is compiled. Everything marked Liquid may use the row's merge values. */
export interface ContentSource {
  from: { name: string; address: string };
  replyTo?: string | undefined;
  /** Liquid */
  subject: string;
  /** Liquid; output is HTML-escaped */
  html?: string | undefined;
  /** Liquid; made from `html` when absent or empty */
  text?: string | undefined;
  /** rewrite `<a href>` of http(s) links to click tokens, add an open pixel */
  track: { opens: boolean; clicks: boolean };
  /** Bulk mail: List-Unsubscribe (RFC 2369, RFC 8058), List-Id (RFC 2919), Feedback-ID, and a footer link if the content has none. */
  list?: { id: string; name: string } | undefined;
  /** e.g. the campaign's id; first part of Feedback-ID */
  feedbackId?: string | undefined;
  /** extra headers, as typed by the caller; names are checked, CR/LF refused */
  headers?: Record<string, string> | undefined;
  attachments?: ContentAttachment[] | undefined;
}

export interface ContentAttachment {
  filename: string;
  contentType: string;
  /** base64 */
  content: string;
  /** set: inline image referred to as cid:… */
  cid?: string | undefined;
}

/** What can be wrong with a content. The UI has words for each (`contentError.CODE`; a test compares). */
export const CONTENT_ERRORS = [
  // Liquid; `value` is the name or the expression
  'syntax',
  'filter-unknown',
  'filter-syntax',
  'tag-unknown',
  /** an `end…`, `else` or `when` without the tag that it belongs to */
  'tag-unopened',
  /** a tag without its `end…` */
  'tag-unclosed',
  /** a tag without its `%}` */
  'tag-incomplete',
  'tag-name-missing',
  'tag-extra',
  'else-misplaced',
  'assign-syntax',
  'for-syntax',
  'output-unclosed',
  'value-missing',
  /** two words where one name must stand */
  'variable-name',
  'bracket-unclosed',
  'too-deep',
  'content-too-long',
  // found only with one person's values
  'too-much-work',
  'render-failed',
  /** neither HTML nor text */
  'content-missing',
  // addresses of sender and reply-to: AddressError's codes and one of our own
  'address-empty',
  'address-no-at',
  'address-too-long',
  'address-bad-local',
  'address-bad-domain',
  'address-control-character',
  'address-not-ascii',
  // the caller's header fields; `value` is the field's name
  'header-name',
  'header-reserved',
  'header-line-break',
  // `value` is the file's name, with what is wrong about it
  'attachment-name',
  'attachment-type',
  'attachment-type-refused',
  'attachment-encoding',
  'attachment-cid',
] as const;
export type ContentErrorCode = (typeof CONTENT_ERRORS)[number];

/** A place in the content that cannot be compiled; `line` and `column` count from 1. */
export interface ContentError {
  field: 'subject' | 'html' | 'text' | 'from' | 'replyTo' | 'headers' | 'attachments';
  code: ContentErrorCode;
  line: number;
  column: number;
  /** English, with the value */
  message: string;
  /** what it is about, as typed and shortened: a filter's name, a tag, an address; '' when there is nothing to name */
  value: string;
}

/** A link that is counted; `index` is its place in the click token. Personalised links have Liquid in `url`. */
export interface ContentLink {
  index: number;
  url: string;
  text: string;
}

/** Values a row brings for Liquid: only those the content uses. */
export type MergeValues = Record<string, string | number | boolean | null | string[]>;

export interface JobInput {
  /** the caller's own name for it, unique: `campaign:12`, `test:…`; creating it twice answers the first one's id */
  ref: string;
  class: DeliveryClass;
  content: ContentSource;
}

/** One recipient to enqueue. */
export interface EnqueueRow {
  address: string;
  /** 0 when the recipient is nobody's subscriber */
  subscriberId: number;
  /** the list that brought them here, 0 for none: an unsubscribe from it stops the row */
  listId: number;
  merge: MergeValues;
}

export interface JobProgress {
  id: number;
  ref: string;
  state: JobState;
  /** where the enqueueing stands: the last `to` given, 0 at first */
  cursor: number;
  /** all recipients are enqueued */
  sealed: boolean;
  enqueued: number;
  settled: number;
  delivered: number;
  bounced: number;
  suppressed: number;
}

/** The outcome of one attempt or an event about a delivery: one ledger row each. */
export const LEDGER_KINDS = [
  'delivered',
  'deferred',
  'bounced',
  'suppressed',
  'opened',
  'clicked',
  'unsubscribed',
  'complained',
] as const;
export type LedgerKind = (typeof LEDGER_KINDS)[number];

/** SMTP phase in which the reply came; `none` when no session was opened. */
export const PHASES = [
  'none',
  'dns',
  'connect',
  'banner',
  'ehlo',
  'starttls',
  'auth',
  'mail',
  'rcpt',
  'data',
  'dot',
  'rset',
  'quit',
] as const;
export type Phase = (typeof PHASES)[number];

/** Why (see shared/DELIVERY.md, Verdicts). */
export const REASONS = [
  'unknown-user',
  'moved',
  'unknown-host',
  'null-mx',
  'filtered',
  'suspended',
  'mailbox-full',
  'expired',
  'blocked',
  'spam',
  'policy',
  'authentication',
  'reputation',
  'ptr',
  'relaying',
  'virus',
  'content',
  'too-big',
  'too-fast',
  'too-many-connections',
  'network',
  'system',
  'system-full',
  'loop',
  'syntax',
  'other',
  // the MTA's own reasons for verdict `suppressed`
  'unsubscribed',
  'cancelled',
] as const;
export type Reason = (typeof REASONS)[number];

export interface LedgerRow {
  id: number;
  at: number;
  kind: LedgerKind;
  jobId: number;
  /** the spool row's id, the same over all attempts */
  deliveryId: number;
  subscriberId: number;
  listId: number;
  /** '' for events (opened, clicked, unsubscribed) */
  recipient: string;
  domain: string;
  /** provider profile's name (gmail, docomo, …, generic), '' for events */
  provider: string;
  attempt: number;
  /** SMTP reply code, 0 when there was none */
  code: number;
  /** RFC 3463 enhanced status, '' when there was none */
  status: string;
  reason: Reason | '';
  phase: Phase;
  /** full reply, lines joined with LF */
  reply: string;
  mx: string;
  sourceIp: string;
  /** 'TLSv1.3 TLS_AES_256_GCM_SHA384', '' for clear text */
  tls: string;
  /** ms from MAIL FROM (or the connection's start) to the outcome */
  ms: number;
  /** clicked: the link's index, else -1 */
  link: number;
  /** events: the reader's address and user agent */
  ip: string;
  userAgent: string;
}

/** An event to write into the ledger (by the tracking routes and inbound mail). */
export interface LedgerEvent {
  kind: 'opened' | 'clicked' | 'unsubscribed' | 'complained';
  at: number;
  jobId: number;
  deliveryId: number;
  subscriberId: number;
  listId: number;
  link: number;
  ip: string;
  userAgent: string;
}

/** Only a route may name a loopback or private host. */
export interface Route {
  id: number;
  /** a domain, `*.domain` or `*`; the most specific wins */
  match: string;
  /** absent or empty: direct to MX */
  relay?: RelayHost[] | undefined;
}

export interface RelayHost {
  host: string;
  port: number;
  weight?: number | undefined;
  /** default opportunistic */
  tls?: 'none' | 'opportunistic' | 'required' | 'verified' | undefined;
  user?: string | undefined;
  password?: string | undefined;
  /** parallel connections, default 20 */
  connections?: number | undefined;
}

export interface SendingDomainSettings {
  domain: string;
  /** VERP envelope senders live under it */
  returnPathDomain: string;
  /** RSA-2048 private keys, PEM (PKCS#8); the first signs */
  dkim: { selector: string; privateKey: string }[];
}

/** All that the MTA needs to know; published by the server, kept in spool.db. */
export interface DeliverySettings {
  mode: 'sandbox' | 'live';
  /** base of tracking links, without trailing slash */
  publicUrl: string;
  /** 32 bytes, base64; keys for tokens are derived from it */
  tokenKey: string;
  /** EHLO name */
  ehloName: string;
  domains: SendingDomainSettings[];
  routes: Route[];
  retry: RetrySettings;
}

/** Seconds; jitter is a share (0.2 = ±20 %). Defaults: 15 min doubling, cap 4 h, ±20 %, give up after 72 h. */
export interface RetrySettings {
  first: number;
  cap: number;
  jitter: number;
  giveUp: number;
}

/** Every reason why a mail waits, by the name that the queue screen and `GET /queues` show. */
export const WAIT_REASONS = [
  'ready',
  'sending',
  'retry-later',
  'connection-limit',
  'connecting',
  'site-dead',
  'rate-limit',
  'job-paused',
  'stopped',
  'resolving',
  'dns-failure',
] as const;
export type WaitReason = (typeof WAIT_REASONS)[number];

/** One line of the queue screen: a recipient domain's mails of one class. */
export interface QueueLine {
  domain: string;
  provider: string;
  class: DeliveryClass;
  waiting: WaitReason;
  queued: number;
  due: number;
  inFlight: number;
  connections: number;
  /** epoch ms of the oldest queued mail and of the next attempt, null when nothing is queued */
  oldestAt: number | null;
  nextAt: number | null;
  lastReply: string;
  lastReplyAt: number | null;
}

/** What the MTA tells about itself once a second. */
export interface MtaStatus {
  at: number;
  mode: 'sandbox' | 'live';
  /** settled messages per second over the last ten seconds */
  perSecond: number;
  inFlight: number;
  connections: number;
  /** by domain and class, the busiest 500 */
  lines: {
    domain: string;
    class: DeliveryClass;
    provider: string;
    waiting: WaitReason;
    inFlight: number;
    connections: number;
    lastReply: string;
    lastReplyAt: number | null;
  }[];
  rssMB: number;
}

/** Parent (server) → child (MTA). */
export type ToMta =
  | { type: 'wake'; jobId: number }
  | { type: 'settings' }
  | { type: 'job'; jobId: number }
  | { type: 'stops' }
  | { type: 'drain' };

/** Child (MTA) → parent (server). */
export type FromMta =
  | { type: 'ready'; sandboxPort: number }
  | { type: 'settled'; ledgerId: number }
  | { type: 'status'; status: MtaStatus }
  | { type: 'drained' };
