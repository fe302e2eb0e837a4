/** People: one row for each address, found by its normalised form. */
import type { Spool } from '../../mta/index.ts';
import { type ParsedAddress, parseAddress } from '../../mta/index.ts';
import type { Db } from '../deps.ts';
import { AppError, type FieldError } from '../errors.ts';
import { Returning } from '../suppression/returning.ts';
import { readAttributes } from './attributes.ts';
import { membershipsOf, subscribe } from './membership.ts';
import type { Subscriber, SubscriberDetail } from './schemas.ts';
import {
  type AttributeType,
  badCharacter,
  cleanName,
  convertValue,
  MAX_NAME,
  VALUE_MESSAGES,
  type Value,
} from './values.ts';

export interface SubscriberRow {
  id: number;
  email: string;
  emailKey: string;
  name: string;
  /** JSON */
  attributes: string;
  createdAt: number;
  updatedAt: number;
}

export const SUBSCRIBER_COLUMNS = `s.id, s.email, s.email_key AS emailKey, s.name, s.attributes, s.created_at AS createdAt, s.updated_at AS updatedAt`;

export type AttributeInput = Record<string, Value | null>;
export interface SubscriberInput {
  email: string;
  name?: string | undefined;
  attributes?: AttributeInput | undefined;
  listIds?: number[] | undefined;
}

/** Rows as the API shows them, with the suppression that weighs most. */
export function viewSubscribers(db: Db, rows: readonly SubscriberRow[]): Subscriber[] {
  const suppression = db.$client.prepare(
    `SELECT id, reason, scope, origin, created_at AS createdAt FROM suppressions WHERE email_key = ? ORDER BY scope LIMIT 1`,
  );
  return rows.map((row) => {
    const found = suppression.get(row.emailKey) as
      | { id: number; reason: string; scope: string; origin: string; createdAt: number }
      | undefined;
    return {
      id: row.id,
      email: row.email,
      name: row.name,
      attributes: JSON.parse(row.attributes) as Record<string, Value>,
      suppressed: found ? { ...found, createdAt: new Date(found.createdAt).toISOString() } : null,
      createdAt: new Date(row.createdAt).toISOString(),
      updatedAt: new Date(row.updatedAt).toISOString(),
    };
  });
}

/** @throws AppError `not-found` */
export function requireSubscriber(db: Db, id: number): SubscriberRow {
  const row = db.$client.prepare(`SELECT ${SUBSCRIBER_COLUMNS} FROM subscribers s WHERE id = ?`).get(id);
  if (!row) throw new AppError('not-found', `There is no subscriber ${id}`);
  return row as SubscriberRow;
}

/** @throws AppError `not-found` */
export function readSubscriber(db: Db, id: number): SubscriberDetail {
  const row = requireSubscriber(db, id);
  return { ...viewSubscribers(db, [row])[0]!, memberships: membershipsOf(db, id) };
}

/**
 * Adds a person, and puts them on lists. A suppression that stands for the address holds for them too.
 * @throws AppError `address-invalid`, `already-exists`, `value-invalid`
 */
export function createSubscriber(
  db: Db,
  spool: Spool,
  input: SubscriberInput,
  source: string,
  at: number,
): SubscriberDetail {
  const address = requireAddress(input.email);
  const name = requireName(input.name ?? '');
  const attributes = mergeAttributes(db, {}, input.attributes ?? {});
  const client = db.$client;
  const id = client
    .transaction(() => {
      requireFreeAddress(db, address, undefined);
      requireLists(db, input.listIds ?? []);
      const { lastInsertRowid } = client
        .prepare(
          'INSERT INTO subscribers (email, email_key, name, attributes, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)',
        )
        .run(address.address, address.key, name, JSON.stringify(attributes), at, at);
      const subscriberId = Number(lastInsertRowid);
      new Returning(db, spool).greet(address.key, address.address);
      for (const listId of new Set(input.listIds ?? []))
        subscribe(db, spool, { subscriberId, listId, source, at });
      return subscriberId;
    })
    .immediate();
  return readSubscriber(db, id);
}

/**
 * Attributes are merged; null or '' removes one. With a new address the lists that the person left stay left: the
 * spool's stops move along.
 * @throws AppError `not-found`, `address-invalid`, `already-exists`, `value-invalid`
 */
export function patchSubscriber(
  db: Db,
  spool: Spool,
  id: number,
  patch: Partial<Omit<SubscriberInput, 'listIds'>>,
  at: number,
): SubscriberDetail {
  const address = patch.email === undefined ? undefined : requireAddress(patch.email);
  const name = patch.name === undefined ? undefined : requireName(patch.name);
  const client = db.$client;
  client
    .transaction(() => {
      const row = requireSubscriber(db, id);
      const attributes = mergeAttributes(
        db,
        JSON.parse(row.attributes) as Record<string, Value>,
        patch.attributes ?? {},
      );
      if (address) requireFreeAddress(db, address, id);
      client
        .prepare(
          'UPDATE subscribers SET email = ?, email_key = ?, name = ?, attributes = ?, updated_at = ? WHERE id = ?',
        )
        .run(
          address?.address ?? row.email,
          address?.key ?? row.emailKey,
          name ?? row.name,
          JSON.stringify(attributes),
          at,
          id,
        );
      if (address && address.key !== row.emailKey) {
        new Returning(db, spool).greet(address.key, address.address);
        const left = client
          .prepare(`SELECT list_id FROM memberships WHERE subscriber_id = ? AND state = 'unsubscribed'`)
          .pluck()
          .all(id) as number[];
        for (const listId of left) {
          spool.stop(address.address, listId);
          spool.unstop(row.email, listId);
        }
      }
    })
    .immediate();
  return readSubscriber(db, id);
}

function requireAddress(email: string): ParsedAddress {
  const parsed = parseAddress(email);
  if (parsed.ok) return parsed;
  throw new AppError('address-invalid', parsed.message, [
    { pointer: '/email', code: parsed.code, message: parsed.message, value: email },
  ]);
}

function requireName(typed: string): string {
  const name = cleanName(typed);
  const bad = badCharacter(name);
  if (bad)
    throw new AppError('value-invalid', undefined, [
      { pointer: '/name', code: bad, message: VALUE_MESSAGES[bad], value: typed },
    ]);
  if (name.length <= MAX_NAME) return name;
  throw new AppError('value-invalid', undefined, [
    {
      pointer: '/name',
      code: 'name-too-long',
      message: `should have at most ${MAX_NAME} characters`,
      value: name,
    },
  ]);
}

function requireFreeAddress(db: Db, address: ParsedAddress, own: number | undefined): void {
  const other = db.$client
    .prepare('SELECT id FROM subscribers WHERE email_key = ?')
    .pluck()
    .get(address.key) as number | undefined;
  if (other === undefined || other === own) return;
  throw new AppError('already-exists', `Subscriber ${other} has this address`, [
    {
      pointer: '/email',
      code: 'already-exists',
      message: `is the address of subscriber ${other}`,
      value: other,
    },
  ]);
}

function requireLists(db: Db, listIds: readonly number[]): void {
  const exists = db.$client.prepare('SELECT 1 FROM lists WHERE id = ?');
  const errors = listIds.flatMap((id, i): FieldError[] =>
    exists.get(id)
      ? []
      : [{ pointer: `/listIds/${i}`, code: 'not-found', message: `there is no list ${id}`, value: id }],
  );
  if (errors.length > 0) throw new AppError('value-invalid', errors.map((e) => e.message).join('; '), errors);
}

/** @throws AppError `value-invalid` naming each field and value */
function mergeAttributes(
  db: Db,
  current: Record<string, Value>,
  changes: AttributeInput,
): Record<string, Value> {
  const types = new Map<string, AttributeType>(readAttributes(db).map(({ key, type }) => [key, type]));
  const result = { ...current };
  const errors: FieldError[] = [];
  for (const [key, input] of Object.entries(changes)) {
    const pointer = `/attributes/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const type = types.get(key);
    if (!type) {
      errors.push({
        pointer,
        code: 'unknown-attribute',
        message: `there is no attribute "${key}"`,
        value: input,
      });
      continue;
    }
    const converted = input === null ? ({ ok: true, value: null } as const) : convertValue(type, input);
    if (!converted.ok)
      errors.push({ pointer, code: converted.code, message: VALUE_MESSAGES[converted.code], value: input });
    else if (converted.value === null) delete result[key];
    else result[key] = converted.value;
  }
  if (errors.length === 0) return result;
  throw new AppError(
    'value-invalid',
    errors.map((e) => `${e.pointer.slice('/attributes/'.length)} ${e.message}`).join('; '),
    errors,
  );
}
