/**
 * The one catalogue of errors. Logic throws `AppError` with a code of it and knows no HTTP; app.ts turns it into
 * RFC 9457 problem+json. Every code is translated in the UI (`error.CODE`; a test compares).
 */
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

/** `pointer`: JSON pointer into the body, or a parameter's name. `value` is echoed, so never put a secret in it. */
export interface FieldError {
  pointer: string;
  code: string;
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
