/** Shapes that every feature's API shares. */
import Type, { type Static, type TSchema } from 'typebox';
import { AppError } from './errors.ts';

export const Id = Type.Integer({ minimum: 1 });
/** ISO 8601 in UTC, as `new Date().toISOString()` writes it */
export const Time = Type.String({ format: 'date-time' });
/**
 * Epoch ms of a `Time` that a caller sent. The format lets leap seconds and `+09` pass, which Date does not know.
 * @throws AppError `invalid-request`
 */
export function readTime(value: string, pointer: string): number {
  const at = Date.parse(value);
  if (!Number.isNaN(at)) return at;
  const message = 'should be a time such as 2026-11-24T09:30:00Z or 2026-11-24T18:30:00+09:00';
  throw new AppError('invalid-request', `${pointer}: ${message}`, [
    { pointer, code: 'format', message, value },
  ]);
}
/** `Time` of epoch ms, and of what may not have happened yet. */
export const iso = (at: number): string => new Date(at).toISOString();
export const isoOrNull = (at: number | null): string | null => (at === null ? null : iso(at));
export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
export const IdParams = Type.Object({ id: Id });

/** Cursor paging: `?limit&cursor` → `{items, nextCursor}`. */
export const PageQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 50 })),
  cursor: Type.Optional(Type.String({ maxLength: 200 })),
});
export const Page = <T extends TSchema>(item: T) =>
  Type.Object({ items: Type.Array(item), nextCursor: Nullable(Type.String()) });

/** RFC 9457. `errors` names each bad field: `pointer` is a JSON pointer into the body or the parameter's name. */
export const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  /** stable, for programs and for the UI's translations: see errors.ts */
  code: Type.String(),
  detail: Type.Optional(Type.String()),
  errors: Type.Optional(
    Type.Array(
      Type.Object({
        pointer: Type.String(),
        code: Type.String(),
        message: Type.String(),
        value: Type.Optional(Type.Unknown()),
        line: Type.Optional(Type.Integer()),
        column: Type.Optional(Type.Integer()),
      }),
    ),
  ),
});
export type Problem = Static<typeof Problem>;
