/** What an administrator sets, with its defaults. What the environment sets wins and cannot be changed here. */
import { hostname } from 'node:os';
import { eq, sql } from 'drizzle-orm';
import type { DeliverySettings, RetrySettings } from '../../mta/index.ts';
import { createTokenKey } from '../../mta/index.ts';
import type { Settings } from '../auth/schemas.ts';
import { type Config, PUBLIC_URL_EXPECTED, parsePublicUrl } from '../config.ts';
import { routes, sendingDomains, settings } from '../db/schema.ts';
import type { Db } from '../deps.ts';
import { AppError } from '../errors.ts';

/** 15 minutes doubling up to 4 hours, ±20 %, given up after 72 hours: see shared/DELIVERY.md. */
export const RETRY_DEFAULT: RetrySettings = { first: 900, cap: 14_400, jitter: 0.2, giveUp: 259_200 };

type Stored = Partial<{
  organisation: string;
  publicUrl: string;
  timeZone: string;
  deliveryMode: 'sandbox' | 'live';
  retry: RetrySettings;
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

function store(db: Db, values: Stored): void {
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
    retry: stored.retry ?? RETRY_DEFAULT,
  };
}

export interface SettingsChange {
  organisation?: string | undefined;
  publicUrl?: string | undefined;
  timeZone?: string | undefined;
  delivery?: { mode: 'sandbox' | 'live' } | undefined;
  retry?: RetrySettings | undefined;
}

/**
 * Changes what is given. A locked value may be repeated (a form sends all it has) but not changed.
 * @throws AppError setting-locked, value-invalid, wrong-state
 */
export function changeSettings(db: Db, config: Config, change: SettingsChange): Settings {
  return db.transaction(
    () => {
      const before = readSettings(db, config);
      const mode = change.delivery?.mode;
      if (mode && mode !== before.delivery.mode) {
        if (before.delivery.locked) throw locked('/delivery/mode', 'TODOKE_DELIVERY', mode);
        if (mode === 'live' && !db.select({ id: sendingDomains.id }).from(sendingDomains).limit(1).get()) {
          throw new AppError(
            'wrong-state',
            'Live delivery needs a sending domain: add one and set its DNS records first',
            [
              {
                pointer: '/delivery/mode',
                code: 'sending-domain-missing',
                message: 'needs a sending domain',
                value: mode,
              },
            ],
          );
        }
      }
      let publicUrl: string | undefined;
      if (change.publicUrl !== undefined) {
        publicUrl = parsePublicUrl(change.publicUrl);
        if (publicUrl === undefined) throw invalid('/publicUrl', PUBLIC_URL_EXPECTED, change.publicUrl);
        if (publicUrl === before.publicUrl) publicUrl = undefined;
        else if (config.publicUrlFixed) throw locked('/publicUrl', 'TODOKE_PUBLIC_URL', change.publicUrl);
      }
      if (change.timeZone !== undefined && !isTimeZone(change.timeZone)) {
        throw invalid(
          '/timeZone',
          'should be a time zone of the IANA database, such as Asia/Tokyo',
          change.timeZone,
        );
      }
      if (change.retry && change.retry.first > change.retry.cap) {
        throw invalid('/retry/first', 'should not be longer than the longest wait (cap)', change.retry.first);
      }
      store(db, {
        organisation: change.organisation?.trim(),
        publicUrl,
        timeZone: change.timeZone,
        deliveryMode: mode === before.delivery.mode ? undefined : mode,
        retry: change.retry,
      });
      return readSettings(db, config);
    },
    { behavior: 'immediate' },
  );
}

/** All that the MTA must know. Makes the key of the tokens at the first call: links in sent mail depend on it for ever. */
export function deliverySettings(db: Db, config: Config): DeliverySettings {
  const current = readSettings(db, config);
  return {
    mode: current.delivery.mode,
    publicUrl: current.publicUrl,
    tokenKey: tokenKey(db),
    ehloName: ehloName(current.publicUrl, hostname()),
    domains: db
      .select()
      .from(sendingDomains)
      .all()
      .map((row) => ({
        domain: row.domain,
        returnPathDomain: row.returnPathDomain,
        dkim: [{ selector: row.dkimSelector, privateKey: row.dkimPrivateKey }],
      })),
    routes: db
      .select()
      .from(routes)
      .all()
      .map((row) => ({ id: row.id, match: row.match, relay: row.relay.length > 0 ? row.relay : undefined })),
    retry: current.retry,
  };
}

function tokenKey(db: Db): string {
  const row = db.select().from(settings).where(eq(settings.key, 'tokenKey')).get();
  if (row) return row.value as string;
  const key = createTokenKey();
  store(db, { tokenKey: key });
  return key;
}

/** EHLO wants a full domain name (RFC 5321 §4.1.1.1): the public host's if it has one, else the machine's. */
export function ehloName(publicUrl: string, machine: string): string {
  const host = new URL(publicUrl).hostname;
  const isName = (name: string) => /^[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z][a-z0-9-]+$/i.test(name);
  if (isName(host)) return host;
  return isName(machine) ? machine : 'localhost.localdomain';
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function invalid(pointer: string, message: string, value: unknown): AppError {
  return new AppError('value-invalid', `${pointer.slice(1)} ${message}`, [
    { pointer, code: 'value-invalid', message, value },
  ]);
}

function locked(pointer: string, variable: string, value: unknown): AppError {
  const message = `is fixed by ${variable}`;
  return new AppError('setting-locked', `${pointer.slice(1)} ${message}`, [
    { pointer, code: 'setting-locked', message, value },
  ]);
}
