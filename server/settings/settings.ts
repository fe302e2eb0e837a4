/** What an administrator sets, with its defaults. What the environment sets wins and cannot be changed here. */
import { eq, inArray, sql } from 'drizzle-orm';
import {
  DEFAULT_RETRY,
  DELIVERY_CLASSES,
  type DeliveryClass,
  parseAddress,
  type RetrySettings,
} from '../../mta/index.ts';
import type { Settings } from '../auth/schemas.ts';
import { type Config, PUBLIC_URL_EXPECTED, parsePublicUrl } from '../config.ts';
import { ipPools, settings } from '../db/schema.ts';
import type { Readiness } from '../delivery/domain-readiness.ts';
import type { Db } from '../deps.ts';
import { AppError, invalid } from '../errors.ts';
import { parseAllowed } from '../webhooks/target.ts';

/** DANE costs a question to the DNS. MTA-STS fetches from the recipients' web servers, which an administrator must have allowed. */
const TLS_DEFAULT = { mtaSts: false, dane: true };

type ClassPools = Settings['classPools'];

type Stored = Partial<{
  organisation: string;
  publicUrl: string;
  timeZone: string;
  deliveryMode: 'sandbox' | 'live';
  retry: RetrySettings;
  classPools: Partial<ClassPools>;
  tls: Settings['tls'];
  rawLocalParts: string[];
  webhookTargets: string[];
  tokenKey: string;
}>;

function readStored(db: Db): Stored {
  return Object.fromEntries(
    db
      .select()
      .from(settings)
      .all()
      .map((row) => [row.key, row.value]),
  );
}

/** Writes what is there; undefined leaves what was. */
export function store(db: Db, values: Stored): void {
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined) continue;
    db.insert(settings)
      .values({ key, value })
      .onConflictDoUpdate({
        target: settings.key,
        set: { value: sql`excluded.value`, updatedAt: Date.now() },
      })
      .run();
  }
}

/** A new install delivers to the sandbox until told otherwise. */
export function readSettings(db: Db, config: Config): Settings {
  const stored = readStored(db);
  return {
    organisation: stored.organisation ?? '',
    publicUrl: config.publicUrlFixed ? config.publicUrl : (stored.publicUrl ?? config.publicUrl),
    timeZone: stored.timeZone ?? 'Asia/Tokyo',
    delivery: {
      mode: config.delivery ?? stored.deliveryMode ?? 'sandbox',
      locked: config.delivery !== undefined,
    },
    retry: stored.retry ?? DEFAULT_RETRY,
    classPools: { transactional: null, test: null, bulk: null, ...stored.classPools },
    tls: { ...TLS_DEFAULT, ...stored.tls },
    rawLocalParts: stored.rawLocalParts ?? [],
    webhookTargets: stored.webhookTargets ?? [],
  };
}

/** Hosts and addresses inside the network that webhooks may go to. */
export function webhookTargets(db: Db): string[] {
  const row = db.select().from(settings).where(eq(settings.key, 'webhookTargets')).get();
  return (row?.value as string[] | undefined) ?? [];
}

export interface SettingsChange {
  organisation?: string | undefined;
  publicUrl?: string | undefined;
  timeZone?: string | undefined;
  delivery?:
    | { mode: 'sandbox' | 'live'; overrides?: { code: string; reason: string }[] | undefined }
    | undefined;
  retry?: RetrySettings | undefined;
  classPools?: Partial<Record<DeliveryClass, number | null | undefined>> | undefined;
  tls?: { mtaSts?: boolean | undefined; dane?: boolean | undefined } | undefined;
  rawLocalParts?: string[] | undefined;
  webhookTargets?: string[] | undefined;
}

/**
 * Live delivery needs a domain to send from; and one whose records are not known to be wrong, unless somebody answers for it (a relay that signs,
 * a DNS that only the world sees). One that was not checked yet passes: each campaign's check says so.
 */
function assertSender(domains: readonly Readiness[], overrides: readonly { code: string }[]): void {
  if (domains.length === 0) {
    throw new AppError(
      'wrong-state',
      'Live delivery needs a sending domain: add one and set its DNS records first',
      [
        {
          pointer: '/delivery/mode',
          code: 'sending-domain-missing',
          message: 'needs a sending domain',
          value: 'live',
        },
      ],
    );
  }
  if (domains.some(({ state }) => state !== 'wrong')) return;
  if (overrides.some(({ code }) => code === 'sending-domain-records')) return;
  const records = domains.flatMap((domain) => domain.records).join(', ');
  throw new AppError(
    'wrong-state',
    `No sending domain is ready for live delivery: DNS records are missing or wrong (${records}). Set them and check again, or name sending-domain-records in delivery.overrides with a reason`,
    [
      {
        pointer: '/delivery/mode',
        code: 'sending-domain-records',
        message: 'DNS records of the sending domain are missing or wrong',
        value: records,
      },
    ],
  );
}

/**
 * Changes what is given. A locked value may be repeated (a form sends all it has) but not changed.
 * @param domains the sending domains with what their last check found
 * @throws AppError setting-locked, value-invalid, wrong-state
 */
export function changeSettings(
  db: Db,
  config: Config,
  change: SettingsChange,
  domains: readonly Readiness[],
): Settings {
  return db.transaction(
    () => {
      const before = readSettings(db, config);
      const mode = change.delivery?.mode;
      if (mode && mode !== before.delivery.mode) {
        if (before.delivery.locked) throw locked('/delivery/mode', 'TODOKE_DELIVERY', mode);
        if (mode === 'live') assertSender(domains, change.delivery?.overrides ?? []);
      }
      let publicUrl: string | undefined;
      if (change.publicUrl !== undefined) {
        publicUrl = parsePublicUrl(change.publicUrl);
        if (publicUrl === undefined)
          throw invalid('/publicUrl', 'value-invalid', PUBLIC_URL_EXPECTED, change.publicUrl);
        if (publicUrl === before.publicUrl) publicUrl = undefined;
        else if (config.publicUrlFixed) throw locked('/publicUrl', 'TODOKE_PUBLIC_URL', change.publicUrl);
      }
      if (change.timeZone !== undefined && !isTimeZone(change.timeZone)) {
        throw invalid(
          '/timeZone',
          'value-invalid',
          'should be a time zone of the IANA database, such as Asia/Tokyo',
          change.timeZone,
        );
      }
      if (change.retry && change.retry.first > change.retry.cap) {
        throw invalid(
          '/retry/first',
          'value-invalid',
          'should not be longer than the longest wait (cap)',
          change.retry.first,
        );
      }
      store(db, {
        organisation: change.organisation?.trim(),
        publicUrl,
        timeZone: change.timeZone,
        deliveryMode: mode === before.delivery.mode ? undefined : mode,
        retry: change.retry,
        classPools: change.classPools && { ...before.classPools, ...checkPools(db, change.classPools) },
        tls: change.tls && { ...before.tls, ...given(change.tls) },
        rawLocalParts: change.rawLocalParts && checkDomains(change.rawLocalParts),
        webhookTargets: change.webhookTargets && checkWebhookTargets(change.webhookTargets),
      });
      return readSettings(db, config);
    },
    { behavior: 'immediate' },
  );
}

/** Without what was left out, which a spread would write as undefined. */
function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

function checkPools(db: Db, classPools: NonNullable<SettingsChange['classPools']>): Partial<ClassPools> {
  const ids = Object.values(classPools).filter((id) => typeof id === 'number');
  const known = db.select({ id: ipPools.id }).from(ipPools).where(inArray(ipPools.id, ids)).all();
  for (const name of DELIVERY_CLASSES) {
    const id = classPools[name];
    if (typeof id !== 'number' || known.some((pool) => pool.id === id)) continue;
    throw invalid(`/classPools/${name}`, 'not-found', `names IP pool ${id}, which does not exist`, id);
  }
  return given(classPools);
}

/** As A-labels, each once. */
function checkDomains(typed: string[]): string[] {
  const domains = typed.map((name, index) => {
    const parsed = parseAddress(`x@${name.trim()}`);
    if (!parsed.ok)
      throw invalid(`/rawLocalParts/${index}`, 'domain', 'should be a domain such as docomo.ne.jp', name);
    return parsed.domain;
  });
  return [...new Set(domains)];
}

/** In one spelling, each once. */
function checkWebhookTargets(typed: string[]): string[] {
  const entries = typed.map((text, index) => {
    const parsed = parseAllowed(text);
    if (!parsed.ok) throw invalid(`/webhookTargets/${index}`, 'webhook-target', parsed.message, text);
    return parsed.entry;
  });
  return [...new Set(entries)];
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function locked(pointer: string, variable: string, value: unknown): AppError {
  const message = `is fixed by ${variable}`;
  return new AppError('setting-locked', `${pointer.slice(1)} ${message}`, [
    { pointer, code: 'setting-locked', message, value },
  ]);
}
