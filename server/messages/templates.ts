/** Templates that messages name by id. */
import { desc, eq, lt } from 'drizzle-orm';
import type { Static } from 'typebox';
import type { ContentSource } from '../../mta/index.ts';
import { compileAndTry, contentInvalid, withoutSender } from '../campaigns/content.ts';
import { templates } from '../db/schema.ts';
import { cutPage } from '../delivery/page.ts';
import type { Db } from '../deps.ts';
import { AppError } from '../errors.ts';
import { readCursor } from '../http/paging.ts';
import { iso } from '../schemas.ts';
import type { Template, TemplateCreate, TemplatePatch } from './schemas.ts';

type Row = typeof templates.$inferSelect;
type Fields = Pick<Row, 'name' | 'subject' | 'html' | 'text'>;

export function listTemplates(
  db: Db,
  query: { limit?: number; cursor?: string },
): { items: Template[]; nextCursor: string | null } {
  const limit = query.limit ?? 50;
  const before = readCursor(query.cursor) ?? Number.MAX_SAFE_INTEGER;
  const rows = db
    .select()
    .from(templates)
    .where(lt(templates.id, before))
    .orderBy(desc(templates.id))
    .limit(limit + 1)
    .all();
  const page = cutPage(rows, limit);
  return { ...page, items: page.items.map(view) };
}

/** @throws AppError `not-found` */
export function getTemplate(db: Db, id: number): Template {
  return view(requireRow(db, id));
}

/** @throws AppError `content-invalid`, `already-exists` */
export function createTemplate(db: Db, input: Static<typeof TemplateCreate>): Template {
  const fields = { html: '', text: '', ...input };
  check(fields);
  checkName(db, fields.name);
  return view(db.insert(templates).values(fields).returning().get());
}

/** @throws AppError `not-found`, `content-invalid`, `already-exists` */
export function changeTemplate(db: Db, id: number, patch: Static<typeof TemplatePatch>): Template {
  const { name, subject, html, text } = { ...requireRow(db, id), ...patch };
  const fields = { name, subject, html, text };
  check(fields);
  checkName(db, name, id);
  return view(
    db
      .update(templates)
      .set({ ...fields, updatedAt: Date.now() })
      .where(eq(templates.id, id))
      .returning()
      .get(),
  );
}

/** Messages that were made of it stay. @throws AppError `not-found` */
export function deleteTemplate(db: Db, id: number): void {
  requireRow(db, id);
  db.delete(templates).where(eq(templates.id, id)).run();
}

function requireRow(db: Db, id: number): Row {
  const row = db.select().from(templates).where(eq(templates.id, id)).get();
  if (!row) throw new AppError('not-found', `There is no template ${id}`);
  return row;
}

function source({ subject, html, text }: Fields): ContentSource {
  const track = { opens: false, clicks: false };
  return withoutSender({
    from: { name: '', address: '' },
    subject,
    html: html || undefined,
    text: text || undefined,
    track,
  });
}

function check(fields: Fields): void {
  const compiled = compileAndTry(source(fields));
  if (!compiled.ok) throw contentInvalid(compiled.errors);
}

function checkName(db: Db, name: string, id?: number): void {
  const other = db.select({ id: templates.id }).from(templates).where(eq(templates.name, name)).get();
  if (!other || other.id === id) return;
  const message = `There is already a template ${JSON.stringify(name)}`;
  throw new AppError('already-exists', message, [
    { pointer: '/name', code: 'already-exists', message, value: name },
  ]);
}

function view(row: Row): Template {
  const compiled = compileAndTry(source(row));
  return {
    id: row.id,
    name: row.name,
    subject: row.subject,
    html: row.html,
    text: row.text,
    variables: compiled.ok ? compiled.content.variables : [],
    createdAt: iso(row.createdAt),
    updatedAt: iso(row.updatedAt),
  };
}
