/** A small client of the REST API with a session, as the browser has one. */
import { setTimeout as sleep } from 'node:timers/promises';

export class Api {
  readonly #base: string;
  #cookie = '';

  constructor(adminUrl: string) {
    this.#base = `${adminUrl}/api/v1`;
  }

  async login(email: string, password: string): Promise<void> {
    const response = await this.#send('POST', '/session', JSON.stringify({ email, password }));
    this.#cookie = response.headers
      .getSetCookie()
      .map((cookie) => cookie.split(';')[0])
      .join('; ');
  }

  /** @throws Error with the problem document's words */
  get<T>(path: string): Promise<T> {
    return this.#json('GET', path);
  }

  async text(path: string): Promise<string> {
    return (await this.#send('GET', path)).text();
  }

  post<T>(path: string, body: unknown = {}): Promise<T> {
    return this.#json('POST', path, JSON.stringify(body));
  }

  patch<T>(path: string, body: unknown): Promise<T> {
    return this.#json('PATCH', path, JSON.stringify(body));
  }

  upload<T>(path: string, fields: Record<string, string>, file: File): Promise<T> {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append('file', file);
    return this.#json('POST', path, form);
  }

  /** Asks again until `done` says so; `seen` gets every answer. */
  async poll<T>(
    path: string,
    done: (value: T) => boolean,
    options: { everyMs?: number; seen?: (value: T) => void } = {},
  ): Promise<T> {
    for (;;) {
      const value = await this.get<T>(path);
      options.seen?.(value);
      if (done(value)) return value;
      await sleep(options.everyMs ?? 200);
    }
  }

  async #json<T>(method: string, path: string, body?: string | FormData): Promise<T> {
    const response = await this.#send(method, path, body);
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  async #send(method: string, path: string, body?: string | FormData): Promise<Response> {
    const response = await fetch(this.#base + path, {
      method,
      headers: {
        ...(this.#cookie && { cookie: this.#cookie }),
        ...(typeof body === 'string' && { 'content-type': 'application/json' }),
      },
      body: body ?? null,
    });
    if (response.ok) return response;
    const text = await response.text();
    throw new Error(`${method} ${path}: ${response.status} ${text}`);
  }
}
