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

/** A mail that another program made, sent as it is: see message/raw/compile-raw.ts. */
export interface RawSource {
  /** base64 of the message as it followed DATA */
  raw: string;
  /** of its From field: whose domain it is sent for; the name is not used */
  from: ContentSource['from'];
  /** of its first HTML part */
  track: ContentSource['track'];
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
  content: ContentSource | RawSource;
  /** IP pool; absent: the sending domain's, else the class's, else the system chooses the address */
  poolId?: number | undefined;
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
  /** from 1; 0: it came back by mail after it had been delivered */
  attempt: number;
  /** SMTP reply code, 0 when there was none */
  code: number;
  /** RFC 3463 enhanced status, '' when there was none */
  status: string;
  reason: Reason | '';
  phase: Phase;
  /** full reply, lines joined with LF */
  reply: string;
  /** what came by mail: the HELO name of who brought it */
  mx: string;
  sourceIp: string;
  /** 'TLSv1.3 TLS_AES_256_GCM_SHA384', '' for clear text */
  tls: string;
  /** what decided about TLS, a `TlsPolicyName`; '' when no session was opened */
  tlsPolicy: TlsPolicyName | '';
  /** ms from MAIL FROM (or the connection's start) to the outcome; attempt 0: from the delivery to its return */
  ms: number;
  /** clicked: the link's index, else -1 */
  link: number;
  /** events: the reader's address and user agent */
  ip: string;
  userAgent: string;
}

/** A ledger row with what its job is called and how urgent it is. */
export type JobLedgerRow = LedgerRow & { ref: string; class: DeliveryClass };

/** What a fold needs of the ledger: rows one by one, but first-attempt deliveries added up by job, provider and minute. */
export type FoldRow = Pick<
  LedgerRow,
  | 'id'
  | 'at'
  | 'kind'
  | 'jobId'
  | 'subscriberId'
  | 'listId'
  | 'recipient'
  | 'provider'
  | 'attempt'
  | 'reason'
  | 'link'
  | 'ms'
> & {
  /** how many deliveries stand behind it: those have no person, their `at` is the minute's start, their id the last one's */
  count: number;
};

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
  /** share of the mail, default 1; 0 is a spare that is used when no other is up */
  weight?: number | undefined;
  /** default opportunistic */
  tls?: TlsMode | undefined;
  user?: string | undefined;
  password?: string | undefined;
  /** parallel connections, default 20 */
  connections?: number | undefined;
  /** messages per second over all connections, default: no limit */
  ratePerSecond?: number | undefined;
  /** default 1000 */
  messagesPerConnection?: number | undefined;
  /** PEM certificates to trust instead of the built-in ones (`verified`) */
  ca?: string | undefined;
  /** PEM; shown to the relay when it asks for a client certificate */
  clientCertificate?: { cert: string; key: string } | undefined;
}

/** `verified` also checks the certificate against the host's name; `required` only that it is encrypted. */
export const TLS_MODES = ['none', 'opportunistic', 'required', 'verified'] as const;
export type TlsMode = (typeof TLS_MODES)[number];

/** What decided how a session is encrypted: a setting's mode, or the recipient domain's own policy. */
export const TLS_POLICY_NAMES = [...TLS_MODES, 'mta-sts', 'dane'] as const;
export type TlsPolicyName = (typeof TLS_POLICY_NAMES)[number];

/** What can be wrong with a session's TLS (RFC 8460 §4.3); '' in a report row is a success. */
export const TLS_RESULTS = [
  'starttls-not-supported',
  'certificate-host-mismatch',
  'certificate-expired',
  'certificate-not-trusted',
  'validation-failure',
  'tlsa-invalid',
  'dnssec-invalid',
  'dane-required',
  'sts-policy-fetch-error',
  'sts-policy-invalid',
  'sts-webpki-invalid',
] as const;
export type TlsResult = (typeof TLS_RESULTS)[number];

/** An administrator's word about mail for a domain; comes before DANE, MTA-STS and the provider's profile. */
export interface TlsRule {
  /** a domain, `*.domain` or `*`; the most specific wins */
  match: string;
  mode: TlsMode;
}

/** A local IP that mail leaves by, with the name that its PTR record gives. One address has one EHLO name in all pools. */
export interface PoolSource {
  address: string;
  ehlo: string;
  /** share of the mail, ≥ 1 */
  weight: number;
  /** a new address: a daily cap for each provider that grows (see routing/warm-up.ts) */
  warmUp?:
    | { startedAt: number /** mails a day, default DELIVERY.md's */; plan?: number[] | undefined }
    | undefined;
}

export interface IpPool {
  id: number;
  name: string;
  sources: PoolSource[];
}

export interface SendingDomainSettings {
  domain: string;
  /** VERP envelope senders live under it */
  returnPathDomain: string;
  /** Private keys, PEM (PKCS#8), RSA or Ed25519: each of them signs, in this order (RFC 6376 §4, RFC 8463 §3). */
  dkim: { selector: string; privateKey: string }[];
  poolId?: number | undefined;
}

/** What an administrator changed of a provider's profile, or a provider of their own (then with `mx` or `domains`). */
export interface ShapingOverride {
  provider: string;
  label?: string | undefined;
  mx?: string[] | undefined;
  domains?: string[] | undefined;
  values: Partial<ShapingValues>;
  /** replaces all built-in triggers */
  backoff?: BackoffTrigger[] | undefined;
}

/** The limits of a provider; hold for each (source, site). Names are those of profiles.json. */
export interface ShapingValues {
  connections: number;
  messagesPerConnection: number;
  /** messages per second */
  ratePerSecond: number;
  newConnectionsPerMinute: number;
  /** one recipient a message: bounds the messages of a connection as well */
  recipientsPerConnection: number;
  /** the connections and the rate are also the cap over all sites and sources of the provider */
  providerWide: boolean;
  tlsRequired: boolean;
  maxMessageBytes: number;
  /** bulk mail waits in the minutes around the full hour */
  avoidTopOfHour: boolean;
  /** share of unknown users (0…1) above which the lane rests for an hour */
  unknownUserShare: number;
  /** seconds of rest after a refused or reset connection or a 421 */
  suspendOnFailedConnection: number;
}

/** When `match` was seen in `times` replies within `withinSeconds`, do `action` for `forSeconds` (0: until it is undone). */
export interface BackoffTrigger {
  /** regular expression on the full reply; never applied to our own synthetic replies */
  match: string;
  basis?: 'found' | 'judged' | undefined;
  times: number;
  withinSeconds: number;
  action: BackoffAction;
  forSeconds: number;
}

export type BackoffAction =
  | { type: 'suspend' }
  | { type: 'rate'; perMinute: number; connections?: number | undefined }
  | { type: 'connections'; count: number }
  | { type: 'reconnect' }
  | { type: 'recipient-only' }
  | { type: 'pause-sending-domain' };

/** An automatic back-off that holds now; kept in spool.db, so that a restart forgets none. */
export interface Throttle {
  id: number;
  kind: 'suspend' | 'rate' | 'connections' | 'sending-domain';
  /** source address, '' when the system chooses it; for `sending-domain` '' */
  source: string;
  /** the site's key; '': all the provider's sites of the source together, where it counts by source; for `sending-domain` '' */
  site: string;
  provider: string;
  /** only of kind `sending-domain`: mail from it to the provider waits */
  sendingDomain: string;
  perMinute: number | null;
  connections: number | null;
  since: number;
  /** null: until somebody lifts it */
  until: number | null;
  /** what brought it about: the trigger's `match`, `unknown-users` or `failed-connection` */
  trigger: string;
  /** how often within the trigger's time */
  times: number;
  /** the reply that tripped it */
  reply: string;
}

export const CONTROL_SCOPES = [
  'all',
  'domain',
  'site',
  'provider',
  'job',
  'source',
  'sending-domain',
] as const;
export type ControlScope = (typeof CONTROL_SCOPES)[number];
export const CONTROL_ACTIONS = ['pause', 'bounce', 'reroute', 'retry'] as const;
export type ControlActionName = (typeof CONTROL_ACTIONS)[number];

/**
 * What an operator has ordered. `pause` and `reroute` hold until `until` or until they are removed; `bounce` and `retry` are
 * done once, with what is queued at that moment, and then count what they touched.
 */
export interface Control {
  id: number;
  scope: ControlScope;
  /** a domain, a site's key, a provider, a job's id, a source's address, a sending domain; '' with `all` */
  value: string;
  action: ControlActionName;
  /** reroute: the mail leaves by this route (its id) or by this pool */
  routeId: number | null;
  poolId: number | null;
  reason: string;
  by: string;
  createdAt: number;
  until: number | null;
  /** `done`: bounce and retry that have touched everything */
  state: 'active' | 'done';
  affected: number;
}

/** How a new source's sending to a provider grows: one row a (source, provider) that is warming. */
export interface WarmUpRow {
  source: string;
  provider: string;
  /** YYYY-MM-DD in the settings' time zone */
  day: string;
  /** place in the plan, from 0 */
  step: number;
  /** mails given to the provider and deferrals among them, that day */
  sent: number;
  deferred: number;
}

/** RFC 8460 §4.3: sessions of a day by policy and result. */
export interface TlsReportRow {
  day: string;
  policyDomain: string;
  policyType: 'sts' | 'tlsa' | 'no-policy-found';
  /** the policy's own lines (RFC 8460 policy-string), LF between them */
  policyString: string;
  mxHost: string;
  /** '' for success */
  result: TlsResult | '';
  sessions: number;
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
  pools?: IpPool[] | undefined;
  /** the pool of a class when neither the job nor the sending domain names one */
  classPools?: Partial<Record<DeliveryClass, number>> | undefined;
  shaping?: ShapingOverride[] | undefined;
  tls?:
    | {
        rules: TlsRule[];
        /** ask recipients' domains for their MTA-STS policy over HTTPS (RFC 8461) */
        mtaSts: boolean;
        /** ask for TLSA records (RFC 7672); without a validating resolver it changes nothing */
        dane: boolean;
      }
    | undefined;
  /** domains whose old local parts (`a..b`) are sent as typed instead of quoted */
  rawLocalParts?: string[] | undefined;
  /** IANA name; days of warm-up and TLS reports; default Asia/Tokyo */
  timeZone?: string | undefined;
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
  // the MTA has not said: it is down, busy or has not seen this mail yet
  'unknown',
  'ready',
  'sending',
  'connecting',
  'resolving',
  'retry-later',
  // limits
  'connection-limit',
  'connect-rate',
  'rate-limit',
  'provider-limit',
  'machine-limit',
  'reserved',
  'warm-up',
  'quiet-minutes',
  // back-off
  'suspended',
  'slowed',
  'sending-domain-paused',
  'site-dead',
  'tls-unmet',
  'relay-down',
  'source-failed',
  'no-pool',
  'dns-failure',
  // people
  'job-paused',
  'paused-by-operator',
  'stopped',
  'disk-full',
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
  /** by site and source, the busiest 200 */
  sites: SiteStatus[];
  /** how many there are */
  siteCount: number;
  sources: SourceStatus[];
  relays: RelayStatus[];
  problems: MtaProblem[];
  /** what comes in; absent where nothing listens */
  inbound?: InboundStatus | undefined;
  rssMB: number;
}

/** Inbound mail, counted since the MTA was started. */
export interface InboundStatus {
  /** null: the port could not be opened (yet) */
  port: number | null;
  sessions: number;
  /** by the names of `COUNTERS` in inbound/counters.ts */
  counters: Record<string, number>;
  /** mails that were read, by what they were: `MAIL_KINDS` in inbound/read/types.ts */
  read: Record<string, number>;
}

/** What the MTA knows of a recipient domain's mails of one class; told when it is asked for the domain. */
export type LineStatus = Pick<
  QueueLine,
  'domain' | 'class' | 'provider' | 'waiting' | 'inFlight' | 'connections' | 'lastReply' | 'lastReplyAt'
>;

/** One lane group of the site screen: a site over one source. */
export interface SiteStatus {
  /** `mx:a.example,b.example` or `route:3` */
  site: string;
  provider: string;
  /** '' when the system chooses the address */
  source: string;
  waiting: WaitReason;
  /** epoch ms until which `waiting` holds, null when nobody knows */
  waitingUntil: number | null;
  /** recipient domains with due mail here; one whose mail leaves by several pools counts for each of them */
  domains: number;
  inFlight: number;
  connections: number;
  /** allowed now (adaptive) and at most (profile and throttle) */
  connectionsAllowed: number;
  connectionsLimit: number;
  ratePerSecond: number | null;
  /** settled per second over the last ten seconds */
  perSecond: number;
  delivered: number;
  deferred: number;
  bounced: number;
  /** the last five that were no delivery, newest first */
  replies: { at: number; text: string }[];
}

export interface SourceStatus {
  address: string;
  ehlo: string;
  /** `failed`: it cannot be bound and is out until a test says that it can */
  state: 'ok' | 'failed';
  error: string;
  since: number;
  connections: number;
  perSecond: number;
  warmUps: (WarmUpRow & { cap: number; held: boolean })[];
}

export interface RelayStatus {
  routeId: number;
  host: string;
  port: number;
  state: 'up' | 'down' | 'unknown';
  since: number;
  error: string;
  checkedAt: number | null;
  connections: number;
  perSecond: number;
}

/** What an administrator must know of; `value` names it. */
export const MTA_PROBLEMS = [
  'disk-full',
  'spool-locked',
  'dns-dead',
  'source-failed',
  'relay-down',
  'sending-domain-paused',
  'pool-missing',
  'clock-set-back',
] as const;
export interface MtaProblem {
  code: (typeof MTA_PROBLEMS)[number];
  value: string;
  since: number;
  /** English, for logs and programs */
  detail: string;
}

/** Parent (server) → child (MTA). */
export type ToMta =
  | { type: 'wake'; jobId: number }
  | { type: 'settings' }
  | { type: 'job'; jobId: number }
  | { type: 'stops' }
  | { type: 'control' }
  /** asks for what waits of these domains; `id` comes back with the answer */
  | { type: 'lines'; id: number; domains: string[] }
  | { type: 'drain' };

/** Child (MTA) → parent (server). */
export type FromMta =
  | { type: 'ready'; sandboxPort: number; inboundPort?: number | undefined }
  | { type: 'settled'; ledgerId: number }
  | { type: 'status'; status: MtaStatus }
  /** of those that the MTA holds mail for */
  | { type: 'lines'; id: number; lines: LineStatus[] }
  | { type: 'drained' };
