/** A campaign as one person would get it. */
import type { CompiledContent } from '../../mta/index.ts';
import { renderPreview } from '../../mta/index.ts';
import type { Db } from '../deps.ts';
import {
  compileOrThrow,
  contentInvalid,
  contentSource,
  findLists,
  renderError,
  withoutSender,
} from './content.ts';
import { mergeValues, type Person } from './freeze.ts';
import { personFor } from './recipient.ts';
import type { Preview } from './schemas.ts';
import type { CampaignRow } from './store.ts';

/**
 * For the frame that shows it. A mail may bring any HTML: no script runs (sandbox without allow-scripts), nothing is
 * sent anywhere. The frame keeps our origin, which without scripts can do nothing with it, so that the page around it
 * can read where its links are and keep its place. Remote images load as they do in a mail program.
 */
export const PREVIEW_CSP = [
  'sandbox allow-same-origin',
  "default-src 'none'",
  'img-src http: https: data:',
  "style-src 'unsafe-inline'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'self'",
].join('; ');

/** @throws AppError `content-invalid` (also when only this person's values make it fail), `not-found` (subscriber) */
export function preview(db: Db, row: CampaignRow, subscriberId: number | undefined): Preview {
  const person = personFor(db, subscriberId);
  const content = compileOrThrow(withoutSender(contentSource(row, findLists(db, row.listIds))));
  const rendered = render(content, person);
  return {
    ...rendered,
    variables: content.variables,
    links: content.links.map(({ index, url, text }) => ({ index, url, text })),
  };
}

function render(content: CompiledContent, person: Person): ReturnType<typeof renderPreview> {
  try {
    return renderPreview(content, mergeValues(person, content.variables), {
      email: person.email || undefined,
    });
  } catch (error) {
    throw contentInvalid([renderError(error)]);
  }
}
