/** A campaign's content as the MTA takes it, and what compiling it says. */
import { inArray } from 'drizzle-orm';
import type { CompileResult, ContentError, ContentSource } from '../../mta/index.ts';
import { ContentRenderError, compileContent, renderPreview } from '../../mta/index.ts';
import { attributes, lists } from '../db/schema.ts';
import type { Db } from '../deps.ts';
import { AppError } from '../errors.ts';
import { asFieldError, contentFinding } from './preflight.ts';
import type { CampaignRow } from './store.ts';

/** Liquid names that every subscriber brings, beside the attributes (`email` is the MTA's to fill in). */
const BUILT_IN_VARIABLES = ['name'];

export interface NamedList {
  id: number;
  name: string;
}

/** Those that exist, in the given order. */
export function findLists(db: Db, ids: readonly number[]): NamedList[] {
  if (ids.length === 0) return [];
  const found = new Map(
    db
      .select({ id: lists.id, name: lists.name })
      .from(lists)
      .where(inArray(lists.id, [...ids]))
      .all()
      .map((list) => [list.id, list]),
  );
  return ids.flatMap((id) => found.get(id) ?? []);
}

export function knownVariables(db: Db): string[] {
  const keys = db.select({ key: attributes.key }).from(attributes).all();
  return [...BUILT_IN_VARIABLES, ...keys.map(({ key }) => key)];
}

/**
 * What is frozen into the spool at start. The content is one for all recipients, so a campaign to several lists has one
 * List-Id that names them all.
 */
export function contentSource(row: CampaignRow, chosen: readonly NamedList[]): ContentSource {
  return {
    from: { name: row.fromName, address: row.fromAddress.trim() },
    replyTo: row.replyTo.trim() || undefined,
    subject: row.subject,
    html: row.html || undefined,
    text: row.text || undefined,
    track: { opens: row.trackOpens, clicks: row.trackClicks },
    list:
      chosen.length === 0
        ? undefined
        : {
            id: `list-${chosen.map(({ id }) => id).join('-')}`,
            name: chosen.map(({ name }) => name).join('、'),
          },
    feedbackId: `campaign-${row.id}`,
  };
}

/** For a preview, which must show a content also while it has no sender yet. */
export function withoutSender(source: ContentSource): ContentSource {
  return { ...source, from: { name: '', address: 'preview@example.com' }, replyTo: undefined };
}

/** @throws AppError `content-invalid` with code, value, line and column of each place */
export function compileOrThrow(source: ContentSource) {
  const compiled = compileContent(source);
  if (!compiled.ok) throw contentInvalid(compiled.errors);
  return compiled.content;
}

/**
 * Compiles it and renders it once, for a person without values: a template that can never be rendered (a loop without
 * end) must stop a start, or every recipient would bounce.
 */
export function compileAndTry(source: ContentSource): CompileResult {
  const compiled = compileContent(source);
  if (!compiled.ok) return compiled;
  try {
    renderPreview(compiled.content, {});
    return compiled;
  } catch (error) {
    return { ok: false, errors: [renderError(error)] };
  }
}

/** What a render says is wrong with the content. @throws whatever else it was */
export function renderError(error: unknown): ContentError {
  if (!(error instanceof ContentRenderError) || error.field === 'recipient') throw error;
  return { field: error.field, ...error.problem };
}

/** Every error with its own code, value and place. */
export function contentInvalid(errors: readonly ContentError[]): AppError {
  const first = errors[0];
  return new AppError(
    'content-invalid',
    first && `${first.field}, line ${first.line}, column ${first.column}: ${first.message}`,
    errors.map((error) => asFieldError(contentFinding(error))),
  );
}
