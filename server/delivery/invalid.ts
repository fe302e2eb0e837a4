import { AppError, type FieldErrorCode } from '../errors.ts';

/**
 * One field of a body (`pointer` from its root) or one parameter is wrong. `message` goes on after the field's name ("address must be an IP address"); `value` is echoed, so it is left
 * out for secrets.
 */
export function invalid(pointer: string, code: FieldErrorCode, message: string, value?: unknown): AppError {
  return new AppError('value-invalid', `${pointer.replace(/^\//, '')} ${message}`, [
    { pointer, code, message, ...(value === undefined ? {} : { value }) },
  ]);
}
