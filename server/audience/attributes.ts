/** Attributes: typed fields of a person that mails can use by their key. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { asc, eq } from 'drizzle-orm';
import { attributes } from '../db/schema.ts';
import type { Db } from '../deps.ts';
import { AppError, type FieldError } from '../errors.ts';
import type { Attribute } from './schemas.ts';
import type { AttributeType } from './values.ts';

const MAX_ATTRIBUTES = 200;
/** Subscribers that one step looks at: about 10 ms. */
const STEP = 5000;
/** Names that a mail's Liquid already has (mta/message/liquid.ts), that an import's columns have, or that Liquid keeps for itself. */
const RESERVED = new Set([
  'email',
  'name',
  'unsubscribe_url',
  'true',
  'false',
  'nil',
  'null',
  'empty',
  'blank',
  'and',
  'or',
  'not',
  'contains',
  'forloop',
  'tablerowloop',
]);

const view = (row: typeof attributes.$inferSelect): Attribute => ({
  id: row.id,
  key: row.key,
  label: row.label,
  type: row.type,
  createdAt: new Date(row.createdAt).toISOString(),
});

/** In the order in which they were made. */
export function readAttributes(db: Db): Attribute[] {
  return db.select().from(attributes).orderBy(asc(attributes.id)).all().map(view);
}

/** @throws AppError `already-exists`, `value-invalid` for a reserved key, `wrong-state` above 200 attributes */
export function createAttribute(
  db: Db,
  input: { key: string; label: string; type: AttributeType },
): Attribute {
  const { key, label, type } = input;
  if (RESERVED.has(key)) {
    throw new AppError('value-invalid', `"${key}" already has a meaning in mails; choose another key`, [
      { pointer: '/key', code: 'reserved', message: 'already has a meaning in mails', value: key },
    ]);
  }
  return db.transaction(
    () => {
      const all = readAttributes(db);
      const same = all.find((attribute) => attribute.key === key);
      if (same) {
        throw new AppError('already-exists', `There is already an attribute "${key}" (${same.label})`, [
          {
            pointer: '/key',
            code: 'already-exists',
            message: `is the key of attribute ${same.id}`,
            value: key,
          },
        ]);
      }
      if (all.length >= MAX_ATTRIBUTES)
        throw new AppError('wrong-state', `There can be ${MAX_ATTRIBUTES} attributes at most`);
      const now = Date.now();
      return view(
        db
          .insert(attributes)
          .values({ key, label: requireLabel(label), type, createdAt: now, updatedAt: now })
          .returning()
          .get(),
      );
    },
    { behavior: 'immediate' },
  );
}

/** @throws AppError `not-found` */
export function patchAttribute(db: Db, id: number, patch: { label: string }): Attribute {
  const row = db
    .update(attributes)
    .set({ label: requireLabel(patch.label), updatedAt: Date.now() })
    .where(eq(attributes.id, id))
    .returning()
    .get();
  if (!row) throw new AppError('not-found', `There is no attribute ${id}`);
  return view(row);
}

function requireLabel(label: string): string {
  const trimmed = label.trim();
  if (trimmed !== '') return trimmed;
  throw new AppError('value-invalid', 'The label is empty', [
    { pointer: '/label', code: 'empty', message: 'should not be empty', value: label },
  ]);
}

/**
 * Deletes the attribute and everybody's value.
 * @param force also when drafts use it or people have values; never while a scheduled or running campaign or an import does
 * @throws AppError `not-found`; `conflict` that says what uses it, one entry each
 */
export async function deleteAttribute(db: Db, id: number, force: boolean): Promise<void> {
  const attribute = db.select().from(attributes).where(eq(attributes.id, id)).get();
  if (!attribute) throw new AppError('not-found', `There is no attribute ${id}`);
  const { busy, idle } = usesInCampaignsAndImports(db, attribute.key);
  if (!force) idle.push(...(await usesInPeople(db, attribute.key)));
  const uses = force ? busy : [...busy, ...idle];
  if (uses.length > 0) throw new AppError('conflict', uses.map((use) => use.message).join('; '), uses);
  // The definition goes first: from here nobody can write a new value.
  db.delete(attributes).where(eq(attributes.id, id)).run();
  const path = `$.${attribute.key}`;
  const strip = db.$client.prepare(
    `UPDATE subscribers SET attributes = json_remove(attributes, ?)
     WHERE id > ? AND id <= ? AND json_type(attributes, ?) IS NOT NULL`,
  );
  for (let from = 0, last = maxId(db); from < last; from += STEP) {
    strip.run(path, from, from + STEP, path);
    await nextTurn();
  }
}

function maxId(db: Db): number {
  return (db.$client.prepare('SELECT max(id) FROM subscribers').pluck().get() as number | null) ?? 0;
}

/** Exact, in steps: 1 M people take 0.5 s, no step more than 10 ms. */
async function usesInPeople(db: Db, key: string): Promise<FieldError[]> {
  const count = db.$client
    .prepare(
      'SELECT count(*) FROM subscribers WHERE id > ? AND id <= ? AND json_type(attributes, ?) IS NOT NULL',
    )
    .pluck();
  let people = 0;
  for (let from = 0, last = maxId(db); from < last; from += STEP) {
    people += count.get(from, from + STEP, `$.${key}`) as number;
    await nextTurn();
  }
  if (people === 0) return [];
  return [
    { pointer: '/subscribers', code: 'in-use', message: `${people} subscribers have a value`, value: people },
  ];
}

function usesInCampaignsAndImports(db: Db, key: string): { busy: FieldError[]; idle: FieldError[] } {
  const busy: FieldError[] = [];
  const idle: FieldError[] = [];
  const rows = db.$client
    .prepare(
      `SELECT id, name, state, subject, html, text FROM campaigns WHERE state IN ('draft', 'scheduled', 'sending', 'paused')
       AND (instr(subject, ?) OR instr(html, ?) OR instr(text, ?)) ORDER BY id`,
    )
    .all(key, key, key) as {
    id: number;
    name: string;
    state: string;
    subject: string;
    html: string;
    text: string;
  }[];
  for (const row of rows) {
    if (!mentions(`${row.subject}\n${row.html}\n${row.text}`, key)) continue;
    const message = `Campaign ${row.id} "${row.name}" (${row.state}) uses it`;
    (row.state === 'draft' ? idle : busy).push({
      pointer: `/campaigns/${row.id}`,
      code: 'in-use',
      message,
      value: row.name,
    });
  }
  const imports = db.$client
    .prepare(
      `SELECT i.id FROM imports i, json_each(i.mapping) j WHERE j.value = ? AND i.state IN ('queued', 'running')`,
    )
    .pluck()
    .all(key) as number[];
  for (const importId of imports) {
    busy.push({
      pointer: `/imports/${importId}`,
      code: 'in-use',
      message: `Import ${importId} is writing it`,
      value: importId,
    });
  }
  return { busy, idle };
}

/** Does Liquid in the text use the variable? */
export function mentions(text: string, key: string): boolean {
  const word = new RegExp(`(?<![\\w.])${key}(?!\\w)`);
  return [...text.matchAll(/\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}/g)].some(([tag]) =>
    word.test(tag.replace(/"[^"]*"|'[^']*'/g, '')),
  );
}
