/** What is published to the MTA: settings, sending domains, routes, pools, shaping and TLS rules in one document. */
import { hostname } from 'node:os';
import { asc, eq } from 'drizzle-orm';
import { createTokenKey, type DeliverySettings, type IpPool, type ShapingOverride } from '../../mta/index.ts';
import type { Settings } from '../auth/schemas.ts';
import type { Config } from '../config.ts';
import {
  ipPools,
  ipSources,
  routes,
  sendingDomains,
  settings,
  shapingOverrides,
  tlsRules,
} from '../db/schema.ts';
import { signingKeys } from '../delivery/dkim-keys.ts';
import type { Db } from '../deps.ts';
import { readSettings, store } from './settings.ts';

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
        poolId: row.poolId ?? undefined,
        dkim: signingKeys(db, row.id),
      })),
    routes: db
      .select()
      .from(routes)
      .all()
      .map((row) => ({ id: row.id, match: row.match, relay: row.relay.length > 0 ? row.relay : undefined })),
    retry: current.retry,
    pools: pools(db),
    classPools: classPools(current.classPools),
    shaping: readOverrides(db),
    tls: {
      rules: db.select({ match: tlsRules.match, mode: tlsRules.mode }).from(tlsRules).all(),
      ...current.tls,
    },
    rawLocalParts: current.rawLocalParts,
    timeZone: current.timeZone,
  };
}

function pools(db: Db): IpPool[] {
  const sources = new Map(
    db
      .select()
      .from(ipSources)
      .all()
      .map((source) => [source.address, source]),
  );
  return db
    .select()
    .from(ipPools)
    .orderBy(asc(ipPools.id))
    .all()
    .map(({ id, name, sources: members }) => ({
      id,
      name,
      sources: members.map(({ address, weight }) => ({
        address,
        weight,
        ehlo: sources.get(address)!.ehlo,
        warmUp: sources.get(address)!.warmUp ?? undefined,
      })),
    }));
}

function classPools(chosen: Settings['classPools']): DeliverySettings['classPools'] {
  return Object.fromEntries(Object.entries(chosen).filter(([, id]) => id !== null));
}

/** What was changed of providers, as the MTA takes it. */
export function readOverrides(db: Db): ShapingOverride[] {
  return db
    .select()
    .from(shapingOverrides)
    .all()
    .map(({ provider, label, mx, domains, values, backoff }) => ({
      provider,
      values,
      label: label ?? undefined,
      mx: mx ?? undefined,
      domains: domains ?? undefined,
      backoff: backoff ?? undefined,
    }));
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
