/** Shapes that every feature's API shares. */
import Type, { type Static, type TSchema } from 'typebox';

export const Id = Type.Integer({ minimum: 1 });
/** ISO 8601 in UTC, as `new Date().toISOString()` writes it */
export const Time = Type.String({ format: 'date-time' });
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
