/** The search box: people, campaigns and lists, five of each. */
import { type SearchHit, SearchQuery, SearchResult } from './audience/schemas.ts';
import { searchSubscribers } from './audience/search.ts';
import type { Actor, Db, Routes } from './deps.ts';

const HITS = 5;

/** What the actor may see of what matches; people first. `gone` answers true when nobody waits any more. */
export async function search(db: Db, actor: Actor, q: string, gone?: () => boolean): Promise<SearchHit[]> {
  const text = q.trim();
  if (text === '') return [];
  const like = `%${text.replace(/[\\%_]/g, (c) => `\\${c}`)}%`;
  const rows = (kind: SearchHit['kind'], sql: string, ...values: unknown[]): SearchHit[] =>
    (db.$client.prepare(sql).all(...values) as Omit<SearchHit, 'kind'>[]).map((row) => ({ kind, ...row }));
  const hits: SearchHit[] = [];
  if (actor.scopes.includes('audience:read')) {
    const people = await searchSubscribers(db, { q: text, limit: HITS }, gone);
    hits.push(
      ...people.items.map(
        ({ id, email, name }): SearchHit => ({ kind: 'subscriber', id, title: email, detail: name }),
      ),
    );
    hits.push(...rows('list', LISTS, like, HITS));
  }
  if (actor.scopes.includes('campaigns:read')) hits.push(...rows('campaign', CAMPAIGNS, like, like, HITS));
  return hits;
}

const LISTS = `SELECT id, name AS title, description AS detail FROM lists WHERE name LIKE ? ESCAPE '\\' ORDER BY id DESC LIMIT ?`;
const CAMPAIGNS = `SELECT id, name AS title, state AS detail FROM campaigns
  WHERE name LIKE ? ESCAPE '\\' OR subject LIKE ? ESCAPE '\\' ORDER BY id DESC LIMIT ?`;

export const searchRoutes: Routes = (app, deps) => {
  app.get(
    '/api/v1/search',
    {
      schema: {
        summary: 'Search people, lists and campaigns',
        querystring: SearchQuery,
        response: { 200: SearchResult },
      },
    },
    async (request) => ({
      items: await search(deps.db, request.actor!, request.query.q, () => request.raw.socket.destroyed),
    }),
  );
};
