/**
 * The one way to the server: same origin, JSON, RFC 9457 problems. Pages never call fetch themselves.
 * Types are the server's own (type imports only).
 */
import type { ErrorCode } from '../../../server/errors.ts';
import type { Problem } from '../../../server/schemas.ts';

export type Query = Record<string, string | number | boolean | null | undefined>;
export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}
export type ProblemError = NonNullable<Problem['errors']>[number];

/** What the server refused, or `network` when it could not be reached at all. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: ErrorCode | 'network';
  readonly detail: string;
  readonly errors: ProblemError[];

  constructor(status: number, code: ErrorCode | 'network', detail: string, errors: ProblemError[] = []) {
    super(detail || code);
    this.name = 'ApiProblem';
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.errors = errors;
  }
}

/** `/lists` → `/api/v1/lists?limit=50`; absent and empty values are left out. */
export function apiUrl(path: string, query?: Query): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== '') params.set(name, String(value));
  }
  const search = params.toString();
  return `/api/v1${path}${search ? `?${search}` : ''}`;
}

let unauthorized: () => void = () => {};
/** Called when the session has ended: the app shows the login page and comes back to the same place. */
export function onUnauthorized(handler: () => void): void {
  unauthorized = handler;
}

function problemFrom(status: number, body: string): ApiProblem {
  let problem: Partial<Problem> = {};
  try {
    problem = JSON.parse(body);
  } catch {
    // A proxy's HTML page, for example: the status is all we know.
  }
  const fallback: Record<number, ErrorCode> = {
    401: 'not-logged-in',
    403: 'forbidden',
    404: 'not-found',
    413: 'body-too-large',
    429: 'too-many-requests',
    503: 'not-ready',
  };
  const code = (problem.code as ErrorCode | undefined) ?? fallback[status] ?? 'internal';
  return new ApiProblem(status, code, problem.detail ?? '', problem.errors ?? []);
}

function refuse(status: number, body: string): never {
  const problem = problemFrom(status, body);
  if (problem.code === 'not-logged-in') unauthorized();
  throw problem;
}

/** crypto.randomUUID exists only on https and localhost, and the admin UI is often plain http on a LAN. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}

export interface RequestOptions {
  query?: Query;
  signal?: AbortSignal;
}

async function request<T>(
  method: string,
  path: string,
  body: unknown,
  options: RequestOptions = {},
): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (method === 'POST') headers['idempotency-key'] = randomKey();
  let response: Response;
  let text: string;
  try {
    response = await fetch(apiUrl(path, options.query), {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      credentials: 'same-origin',
      signal: options.signal ?? null,
    });
    text = await response.text();
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiProblem(0, 'network', String(error));
  }
  if (!response.ok) refuse(response.status, text);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

/** `path` without `/api/v1`. Throws ApiProblem; an aborted request throws the signal's reason. */
export const api = {
  get: <T>(path: string, query?: Query, signal?: AbortSignal) =>
    request<T>('GET', path, undefined, { ...(query && { query }), ...(signal && { signal }) }),
  post: <T = void>(path: string, body?: unknown, options?: RequestOptions) =>
    request<T>('POST', path, body, options),
  patch: <T = void>(path: string, body: unknown, options?: RequestOptions) =>
    request<T>('PATCH', path, body, options),
  put: <T = void>(path: string, body?: unknown, options?: RequestOptions) =>
    request<T>('PUT', path, body, options),
  delete: <T = void>(path: string, options?: RequestOptions) =>
    request<T>('DELETE', path, undefined, options),
};

/** All pages of a resource that is known to be small (lists, attributes, users): up to `max` items. */
export async function getAll<T>(
  path: string,
  query: Query = {},
  signal?: AbortSignal,
  max = 2000,
): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<T> = await api.get(path, { limit: 500, ...query, cursor }, signal);
    items.push(...page.items);
    cursor = page.nextCursor ?? null;
  } while (cursor !== null && items.length < max);
  return items;
}

/** POSTs a multipart form; `onProgress` gets 0…1 of what has been sent (fetch cannot tell). */
export function upload<T>(
  path: string,
  form: FormData,
  onProgress?: (share: number) => void,
  signal?: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open('POST', apiUrl(path));
    xhr.setRequestHeader('accept', 'application/json');
    xhr.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress?.(event.loaded / event.total);
    };
    xhr.onload = () => {
      try {
        if (xhr.status >= 200 && xhr.status < 300) resolve(JSON.parse(xhr.responseText) as T);
        else refuse(xhr.status, xhr.responseText);
      } catch (error) {
        reject(error);
      }
    };
    xhr.onerror = () => reject(new ApiProblem(0, 'network', ''));
    xhr.onabort = () => reject(signal?.reason ?? new DOMException('aborted', 'AbortError'));
    signal?.addEventListener('abort', () => xhr.abort(), { once: true });
    xhr.send(form);
  });
}
