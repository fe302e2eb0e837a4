import { AppError } from '../errors.ts';

/** The cursor of lists that run by falling id: the last id shown. */
export function readCursor(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined;
  const id = Number(cursor);
  if (Number.isSafeInteger(id) && id > 0) return id;
  throw new AppError('invalid-request', 'The cursor is not one that this list gave', [
    { pointer: 'cursor', code: 'cursor', message: 'Use nextCursor of the page before', value: cursor },
  ]);
}

/** Of one row more than asked for: whether there is a next page is known without a count. */
export function cutPage<T extends { id: number }>(
  rows: T[],
  limit: number,
): { items: T[]; nextCursor: string | null } {
  const items = rows.slice(0, limit);
  return { items, nextCursor: rows.length > limit ? String(items.at(-1)!.id) : null };
}
