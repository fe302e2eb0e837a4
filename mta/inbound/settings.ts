import type { Database } from 'better-sqlite3';
import { createTokenKey } from '../message/signed-ids.ts';
import type { DeliverySettings } from '../types.ts';
import { type InboundSettings, inboundSettings } from './recipients.ts';

/** From spool.db; before the server has published any, no address is ours. */
export function readInboundSettings(spool: Database): InboundSettings {
  const text = spool.prepare(`SELECT value FROM meta WHERE key = 'settings'`).pluck().get() as string | null;
  if (text) return inboundSettings(JSON.parse(text) as DeliverySettings);
  return { name: 'localhost.localdomain', tokenKey: createTokenKey(), domains: new Set() };
}
