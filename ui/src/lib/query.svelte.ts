/** Filters and the place in a list live in the address bar (`#/subscribers?q=tanaka&cursor=…`): links, reload and Back work. */
import { push, replace, router } from 'svelte-spa-router';

export type QueryPatch = Record<string, string | number | null | undefined>;

/** Where a cursor's page was come from: known while the tab is open, so that 前へ works without the server's help. */
const previousPage = new Map<string, string>();

function path(patch: QueryPatch): string {
  const params = new URLSearchParams(router.querystring ?? '');
  for (const [name, value] of Object.entries(patch)) {
    if (value === null || value === undefined || value === '') params.delete(name);
    else params.set(name, String(value));
  }
  const search = params.toString();
  return router.location + (search ? `?${search}` : '');
}

export const query = {
  /** '' when absent */
  get(name: string): string {
    return new URLSearchParams(router.querystring ?? '').get(name) ?? '';
  },
  number(name: string): number | undefined {
    const value = Number(query.get(name));
    return Number.isInteger(value) && value > 0 ? value : undefined;
  },
  /** A changed filter starts at the first page again. Typing replaces the history entry instead of adding one per letter. */
  filter(patch: QueryPatch): void {
    replace(path({ ...patch, cursor: null }));
  },
  next(cursor: string): void {
    previousPage.set(cursor, query.get('cursor'));
    push(path({ cursor }));
  },
  /** undefined: not known (after a reload), so offer the first page instead */
  get previous(): string | undefined {
    return previousPage.get(query.get('cursor'));
  },
  goTo(cursor: string | null): void {
    push(path({ cursor }));
  },
};
