/** Every error leaves as RFC 9457 problem+json, whoever raised it: our logic, a schema, Fastify or Node's HTTP parser. */
import type { FastifyError, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify';
import { AppError, ERRORS, type ErrorCode, type FieldError, type FieldErrorCode } from '../errors.ts';
import type { Problem } from '../schemas.ts';

const MAX_FIELD_ERRORS = 50;
const MAX_VALUE_CHARS = 200;
/** `privateKey` and all of a `clientCertificate`, but not the `key` of an attribute */
const SECRET_FIELD = /password|secret|token|\wkey$|clientCertificate/i;

/** The problem document and its status. `detail` is left out when it only repeats the title. */
export function toProblem(code: ErrorCode, detail?: string, errors: FieldError[] = []): Problem {
  const { status, title } = ERRORS[code];
  return {
    type: `urn:todoke:error:${code}`,
    title,
    status,
    code,
    ...(detail && detail !== title ? { detail } : {}),
    ...(errors.length > 0 ? { errors: errors.slice(0, MAX_FIELD_ERRORS) } : {}),
  };
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="todoke"');
  // Closing while the caller still sends would reset the connection, and the answer would be lost with it: Node reads the
  // rest of the body and throws it away (as much as it declared, while it keeps coming).
  if (problem.status === 413) reply.removeHeader('connection');
  return reply
    .code(problem.status)
    .type('application/problem+json')
    .serializer((body: unknown) => JSON.stringify(body))
    .send(problem);
}

/** What Fastify and its plugins raise by status; everything else of theirs is the caller's malformed request. */
const CODE_OF_STATUS: Record<number, ErrorCode> = {
  401: 'not-logged-in',
  403: 'forbidden',
  404: 'not-found',
  413: 'body-too-large',
  415: 'unsupported-media-type',
  429: 'too-many-requests',
  503: 'not-ready',
};

/** What the parser of multipart forms (@fastify/busboy) throws without a status, about bytes that the caller sent. */
const BROKEN_FORM = /^Multipart: Boundary not found$|unexpected end of multipart data$/i;

/** Another writer held a database longer than its `busy_timeout`. */
const isBusy = (error: Error & { code?: string }): boolean => error.code?.startsWith('SQLITE_BUSY') ?? false;

/** Fastify's error handler. Only our own faults are logged: a caller's mistakes are the caller's. */
export function handleError(
  error: FastifyError | AppError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const problem = problemOf(error);
  if (problem.status >= 500) {
    request.log.error({ err: error, req: request }, 'request failed');
    if (isBusy(error)) reply.header('retry-after', 5);
    problem.detail = `Look for request ${request.id} in the log.`;
  }
  return sendProblem(reply, problem);
}

function problemOf(error: FastifyError | AppError): Problem {
  if (error instanceof AppError) return toProblem(error.code, error.message, error.errors);
  if (error.validation) {
    const errors = fieldErrors(error.validation, error.validationContext ?? 'body');
    return toProblem(
      'invalid-request',
      errors
        .map((e) => `${e.pointer || 'body'}: ${e.message}`)
        .slice(0, 3)
        .join('; '),
      errors,
    );
  }
  if (isBusy(error)) return toProblem('not-ready');
  if (BROKEN_FORM.test(error.message))
    return toProblem('invalid-request', `The multipart form is broken: ${error.message}`);
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500)
    return toProblem(CODE_OF_STATUS[status] ?? 'invalid-request', error.message);
  return toProblem(status === 503 ? 'not-ready' : 'internal');
}

interface VerboseError extends FastifySchemaValidationError {
  data?: unknown;
  parentSchema?: Record<string, unknown>;
}

/** Keywords that say: the value is of another kind than this branch of the union. */
const OTHER_KIND = new Set(['type', 'const', 'enum']);

/**
 * AJV's errors as fields. A failed union yields errors for each of its branches. When the value is of a branch's kind,
 * that branch's errors are the answer; when it is of none, one error that names what is allowed.
 */
export function fieldErrors(validation: FastifySchemaValidationError[], context: string): FieldError[] {
  const all = validation as VerboseError[];
  const unions = all.filter((error) => error.keyword === 'anyOf');
  const unionOf = (error: VerboseError) =>
    unions.find((union) => union !== error && error.schemaPath.startsWith(`${union.schemaPath}/`));
  const isDetail = (error: VerboseError, union: VerboseError) =>
    error.instancePath !== union.instancePath || !OTHER_KIND.has(error.keyword);
  const hasDetails = (union: VerboseError) =>
    all.some((error) => unionOf(error) === union && isDetail(error, union));
  return all
    .filter((error) => {
      if (error.keyword === 'anyOf' && hasDetails(error)) return false;
      const union = unionOf(error);
      return !union || isDetail(error, union);
    })
    .map((error) => fieldError(error, context));
}

function fieldError(error: VerboseError, context: string): FieldError {
  const child = (error.params.missingProperty ?? error.params.additionalProperty) as string | undefined;
  const path = child === undefined ? error.instancePath : `${error.instancePath}/${escapePointer(child)}`;
  const pointer = context === 'body' ? path : path.slice(1);
  const field: FieldError = {
    pointer,
    code: error.keyword as FieldErrorCode,
    message: error.message ?? 'is not valid',
  };
  if (error.keyword === 'required') field.message = 'is missing';
  else if (error.keyword === 'additionalProperties') {
    field.code = 'unknown-property';
    field.message = `is not known here; known: ${Object.keys((error.parentSchema?.properties as object) ?? {}).join(', ')}`;
    field.value = (error.data as Record<string, unknown> | undefined)?.[child ?? ''];
  } else {
    if (error.keyword === 'anyOf') field.message = `must be ${allowed(error.parentSchema?.anyOf)}`;
    else if (error.keyword === 'enum') field.message = `must be ${words(error.params.allowedValues)}`;
    else if (error.keyword === 'const')
      field.message = `must be ${JSON.stringify(error.params.allowedValue)}`;
    field.value = error.data;
  }
  if (field.value === undefined || SECRET_FIELD.test(path)) delete field.value;
  else field.value = shorten(field.value);
  return field;
}

function allowed(branches: unknown): string {
  const list = (branches as Record<string, unknown>[] | undefined) ?? [];
  return [
    ...new Set(
      list.map((branch) =>
        'const' in branch ? JSON.stringify(branch.const) : String(branch.type ?? 'another form'),
      ),
    ),
  ].join(' or ');
}

function words(values: unknown): string {
  return (values as unknown[]).map((value) => JSON.stringify(value)).join(' or ');
}

/** Long values would make the answer as big as the request. */
function shorten(value: unknown): unknown {
  if (typeof value === 'string')
    return value.length > MAX_VALUE_CHARS ? `${value.slice(0, MAX_VALUE_CHARS)}…` : value;
  if (typeof value !== 'object' || value === null) return value;
  // Objects may hold a secret deeper inside; their kind says enough.
  return Array.isArray(value) ? `array of ${value.length}` : 'object';
}

function escapePointer(segment: string): string {
  return segment.replaceAll('~', '~0').replaceAll('/', '~1');
}
