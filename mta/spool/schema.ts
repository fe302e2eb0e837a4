/**
 * spool.db: queue, ledger, jobs and delivery settings. Plain SQL, as every statement here is hot.
 *
 * - `queue` has no "sending" state: what is in flight is memory of the MTA, so a happy delivery costs one durable
 *   write (the row's deletion and its ledger row in one group commit).
 * - `bucket` is the part of a queue that one job has for one domain. The MTA pauses, cancels and shares by bucket
 *   without touching rows, and finds what is due with one seek into `queue_due` for each bucket.
 * - `bucket.queued` and `.deferred` (those of them that were tried before) are kept by enqueue and settle, so that the
 *   queue screen costs a walk over buckets, never over millions of rows.
 * - `bucket.touched` and `stop.seq` grow with `meta.seq`, so that the MTA reads only what is new.
 * - ids are AUTOINCREMENT: they are in tokens and Message-IDs and must never come twice.
 */
export const MIGRATIONS: string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
  INSERT INTO meta VALUES ('seq', 0), ('stopped', 0), ('settings', NULL);

  CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ref TEXT NOT NULL UNIQUE,
    class TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'active',
    content TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    cursor INTEGER NOT NULL DEFAULT 0,
    sealed INTEGER NOT NULL DEFAULT 0,
    enqueued INTEGER NOT NULL DEFAULT 0,
    settled INTEGER NOT NULL DEFAULT 0,
    delivered INTEGER NOT NULL DEFAULT 0,
    bounced INTEGER NOT NULL DEFAULT 0,
    suppressed INTEGER NOT NULL DEFAULT 0
  );
  CREATE INDEX job_open ON job (id) WHERE settled < enqueued OR sealed = 0;

  CREATE TABLE bucket (
    id INTEGER PRIMARY KEY,
    job_id INTEGER NOT NULL,
    domain TEXT NOT NULL,
    touched INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    queued INTEGER NOT NULL DEFAULT 0,
    deferred INTEGER NOT NULL DEFAULT 0,
    UNIQUE (job_id, domain)
  );
  CREATE INDEX bucket_touched ON bucket (touched);
  CREATE INDEX bucket_domain ON bucket (domain);
  CREATE INDEX bucket_queued ON bucket (queued) WHERE queued > 0;

  CREATE TABLE queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket_id INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    subscriber_id INTEGER NOT NULL,
    list_id INTEGER NOT NULL,
    address TEXT NOT NULL,
    merge TEXT NOT NULL
  );
  CREATE INDEX queue_due ON queue (bucket_id, next_at);

  CREATE TABLE ledger (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    job_id INTEGER NOT NULL,
    delivery_id INTEGER NOT NULL,
    subscriber_id INTEGER NOT NULL,
    list_id INTEGER NOT NULL,
    recipient TEXT NOT NULL,
    domain TEXT NOT NULL,
    provider TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    code INTEGER NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    phase TEXT NOT NULL,
    reply TEXT NOT NULL,
    mx TEXT NOT NULL,
    source_ip TEXT NOT NULL,
    tls TEXT NOT NULL,
    ms INTEGER NOT NULL,
    link INTEGER NOT NULL,
    ip TEXT NOT NULL,
    user_agent TEXT NOT NULL
  );
  CREATE INDEX ledger_job ON ledger (job_id);
  CREATE INDEX ledger_subscriber ON ledger (subscriber_id) WHERE subscriber_id > 0;
  CREATE INDEX ledger_recipient ON ledger (recipient) WHERE recipient <> '';
  CREATE INDEX ledger_bounce ON ledger (job_id, reason) WHERE kind = 'bounced';

  -- Addresses by hash: an erased person leaves nothing readable here.
  CREATE TABLE stop (
    address_hash TEXT NOT NULL,
    list_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    -- 0: the person came back
    active INTEGER NOT NULL,
    -- 1: what is in flight leaves no address in the ledger
    erased INTEGER NOT NULL DEFAULT 0,
    at INTEGER NOT NULL,
    PRIMARY KEY (address_hash, list_id)
  ) WITHOUT ROWID;
  CREATE INDEX stop_seq ON stop (seq);
  `,
  // Pools, controls, throttles, warm-up, TLS. `meta.orders` grows with each change that the server makes to control or
  // throttle, `job.touched` (from meta.seq) with each change of a job's state: the MTA reads only what is new.
  `
  INSERT INTO meta VALUES ('orders', 0);
  ALTER TABLE job ADD COLUMN pool_id INTEGER;
  ALTER TABLE job ADD COLUMN touched INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX job_touched ON job (touched);
  ALTER TABLE ledger ADD COLUMN tls_policy TEXT NOT NULL DEFAULT '';

  CREATE TABLE control (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scope TEXT NOT NULL,
    value TEXT NOT NULL,
    action TEXT NOT NULL,
    route_id INTEGER,
    pool_id INTEGER,
    reason TEXT NOT NULL,
    made_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    until INTEGER,
    state TEXT NOT NULL DEFAULT 'active',
    affected INTEGER NOT NULL DEFAULT 0,
    -- the newest queue row when it was ordered: bounce and retry touch nothing that came later
    last_queue_id INTEGER NOT NULL
  );
  CREATE INDEX control_active ON control (id) WHERE state = 'active';

  CREATE TABLE throttle (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    site TEXT NOT NULL,
    provider TEXT NOT NULL,
    sending_domain TEXT NOT NULL,
    per_minute INTEGER,
    connections INTEGER,
    since INTEGER NOT NULL,
    until INTEGER,
    cause TEXT NOT NULL,
    times INTEGER NOT NULL,
    reply TEXT NOT NULL,
    UNIQUE (kind, source, site, provider, sending_domain)
  );

  CREATE TABLE warm_up (
    source TEXT NOT NULL,
    provider TEXT NOT NULL,
    day TEXT NOT NULL,
    step INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    deferred INTEGER NOT NULL,
    PRIMARY KEY (source, provider)
  ) WITHOUT ROWID;

  CREATE TABLE tls_report (
    day TEXT NOT NULL,
    policy_domain TEXT NOT NULL,
    policy_type TEXT NOT NULL,
    policy_string TEXT NOT NULL,
    mx_host TEXT NOT NULL,
    result TEXT NOT NULL,
    sessions INTEGER NOT NULL,
    PRIMARY KEY (day, policy_domain, policy_type, mx_host, result)
  ) WITHOUT ROWID;
  `,
  // MTA-STS policies that were fetched: they hold until they expire, whatever becomes of us or of the DNS (RFC 8461 §3.3).
  `
  CREATE TABLE sts_policy (
    domain TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    policy TEXT NOT NULL,
    fetched_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  `,
  // A bucket stays when its mail is gone, so a big provider's name is in thousands of them: the screen looks only at those that hold mail.
  `
  DROP INDEX bucket_domain;
  CREATE INDEX bucket_waiting ON bucket (domain) WHERE queued > 0;
  `,
  // What comes back by mail. `meta.inbound`: the last mail of inbound.db whose effects are here. `returned`: what a delivery has come
  // back as, so that a second notice changes nothing. The index finds a delivery by what its return path says.
  `
  INSERT INTO meta VALUES ('inbound', 0);
  CREATE TABLE returned (
    delivery_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (delivery_id, kind)
  ) WITHOUT ROWID;
  CREATE INDEX ledger_delivered ON ledger (delivery_id) WHERE kind = 'delivered';
  `,
];
