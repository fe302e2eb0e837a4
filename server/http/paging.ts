import { AppError } from '../errors.ts';

/** A cursor that is the last id seen. @throws AppError invalid-request for text that no page has answered */
export function readCursor(cursor: string | undefined): number | undefined {
  if (cursor === undefined || cursor === '') return undefined;
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw new AppError('invalid-request', 'cursor: is not one that a page has answered', [
    {
      pointer: 'cursor',
      code: 'cursor-invalid',
      message: 'is not one that a page has answered',
      value: cursor,
    },
  ]);
}
