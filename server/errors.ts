/**
 * The one catalogue of errors. Logic throws `AppError` with a code of it and knows no HTTP; app.ts turns it into
 * RFC 9457 problem+json. Every code is translated in the UI (`error.CODE`; a test compares).
 */
import type { ContentErrorCode } from '../mta/index.ts';
import type { FindingCode } from './campaigns/preflight.ts';

export const ERRORS = {
  'invalid-request': { status: 400, title: 'The request is not of the form that this route takes' },
  'not-logged-in': { status: 401, title: 'Log in or send an API key' },
  'wrong-credentials': { status: 401, title: 'Email address or password is wrong' },
  forbidden: { status: 403, title: 'Your role or API key may not do this' },
  'csrf-failed': { status: 403, title: 'The request did not come from this site' },
  'not-found': { status: 404, title: 'There is no such thing' },
  'unsupported-media-type': { status: 415, title: 'The content type is not supported here' },
  'body-too-large': { status: 413, title: 'The request is too large' },
  'too-many-requests': { status: 429, title: 'Too many requests; wait and try again' },
  conflict: { status: 409, title: 'It clashes with what is already there' },
  'already-exists': { status: 409, title: 'There is already one of this name' },
  'revision-conflict': { status: 409, title: 'Somebody else changed it meanwhile' },
  'wrong-state': { status: 409, title: 'This cannot be done in its present state' },
  'preflight-failed': { status: 409, title: 'Checks before sending found errors' },
  'idempotency-conflict': { status: 409, title: 'This Idempotency-Key was used with another request' },
  'idempotency-running': {
    status: 409,
    title: 'The first request with this Idempotency-Key is still running',
  },
  'content-invalid': { status: 422, title: 'The content cannot be compiled' },
  'import-invalid': { status: 422, title: 'The file cannot be imported' },
  'address-invalid': { status: 422, title: 'The address is not an email address' },
  'value-invalid': { status: 422, title: 'A value is not valid' },
  'last-administrator': { status: 409, title: 'The last administrator must stay' },
  'setting-locked': { status: 409, title: 'This setting is fixed by the environment' },
  internal: { status: 500, title: 'Something went wrong on our side' },
  'not-ready': { status: 503, title: 'Not ready yet' },
} as const;

export type ErrorCode = keyof typeof ERRORS;

/** What can be wrong with one field: our own codes, and AJV's keywords. In the UI: `fieldError.CODE`. */
export const FIELD_ERRORS = [
  ...['required', 'type', 'format', 'pattern', 'enum', 'const', 'anyOf', 'minLength', 'maxLength'],
  ...['minimum', 'maximum', 'minItems', 'maxItems', 'unknown-property', 'not-json', 'not-an-array'],
  ...['empty', 'no-at', 'too-long', 'bad-local', 'bad-domain', 'control-character', 'address-invalid'],
  ...['not-a-number', 'number-too-big', 'not-a-date', 'no-such-day', 'not-a-boolean', 'text-too-long'],
  ...['name-too-long', 'invalid-bytes', 'unknown-attribute', 'unknown-encoding', 'unknown-delimiter'],
  ...['already-exists', 'not-found', 'in-use', 'reserved', 'value-invalid', 'setting-locked', 'suppressed'],
  ...['wrong-credentials', 'wrong-state', 'revision-conflict', 'cursor-invalid', 'time-past'],
  ...[
    'list-unknown',
    'domain',
    'host',
    'match',
    'login-incomplete',
    'sending-domain-missing',
    'sending-domain-records',
    'dkim-record-missing',
  ],
  ...['url', 'target-private', 'https-required', 'webhook-target'],
  ...['ip-address', 'ehlo-name', 'ehlo-differs', 'certificate', 'private-key', 'key-mismatch'],
] as const;

/** Why a file or an import as a whole fails. In the UI: `importError.CODE`. */
export const IMPORT_ERRORS = [
  ...['empty-file', 'excel-file', 'binary-file', 'wrong-encoding', 'broken-heading', 'too-many-columns'],
  ...['no-rows', 'no-email-column', 'unknown-target', 'duplicate-target', 'file-truncated', 'file-missing'],
  'internal',
] as const;

/** Codes of a content's errors and of the check before sending come from mta/types.ts and campaigns/preflight.ts. */
export type FieldErrorCode =
  | (typeof FIELD_ERRORS)[number]
  | (typeof IMPORT_ERRORS)[number]
  | ContentErrorCode
  | FindingCode;

/** `pointer`: JSON pointer into the body, or a parameter's name. `value` is echoed, so never put a secret in it. */
export interface FieldError {
  pointer: string;
  code: FieldErrorCode;
  message: string;
  value?: unknown;
  line?: number;
  column?: number;
}

export class AppError extends Error {
  readonly code: ErrorCode;
  readonly errors: FieldError[];
  constructor(code: ErrorCode, detail?: string, errors: FieldError[] = []) {
    super(detail ?? ERRORS[code].title);
    this.name = 'AppError';
    this.code = code;
    this.errors = errors;
  }
}

/**
 * One field of a body (`pointer` from its root) or one parameter is wrong. `message` goes on after the field's name ("address must be an IP address"); `value` is echoed, so it is left
 * out for secrets.
 */
export function invalid(pointer: string, code: FieldErrorCode, message: string, value?: unknown): AppError {
  return new AppError('value-invalid', `${pointer.replace(/^\//, '')} ${message}`, [
    { pointer, code, message, ...(value === undefined ? {} : { value }) },
  ]);
}
