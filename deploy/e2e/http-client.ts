/** HTTP as an attacker or a clumsy program sends it: answers are read whatever they are, and nothing is thrown. */
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import type { Appliance } from '../../scripts/appliance.ts';

export interface Answer {
  status: number;
  type: string;
  headers: Headers;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came back
  body: any;
}

/** headers that say who asks */
export type Credentials = Record<string, string>;

export class HttpClient {
  readonly #appliance: Pick<Appliance, 'adminUrl' | 'publicUrl'>;
  readonly #seen: (text: string) => void;

  /** `seen` is given the text of every answer, but those that are meant to show a secret once. */
  constructor(
    appliance: Pick<Appliance, 'adminUrl' | 'publicUrl'>,
    seen: (text: string) => void = () => undefined,
  ) {
    this.#appliance = appliance;
    this.#seen = seen;
  }

  async login(body: { email: string; password: string }): Promise<Credentials> {
    const { headers } = await this.api('POST', '/session', { body });
    return { cookie: headers.getSetCookie()[0]!.split(';')[0]! };
  }

  /** A new API key of these scopes. */
  async key(who: Credentials, scopes: readonly string[]): Promise<Credentials> {
    const answer = await this.api('POST', '/api-keys', { who, body: { name: 'test', scopes } });
    return { authorization: `Bearer ${answer.body.key}` };
  }

  /** JSON to the API; `path` below `/api/v1`. */
  api(
    method: string,
    path: string,
    { body, who = {}, headers = {} }: { body?: unknown; who?: Credentials; headers?: Record<string, string> },
  ): Promise<Answer> {
    const json: Credentials = body === undefined ? {} : { 'content-type': 'application/json' };
    return this.raw(method, path, {
      who,
      headers: { ...json, ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  }

  raw(
    method: string,
    path: string,
    options: { who?: Credentials; headers?: Record<string, string>; body?: string | FormData | undefined },
  ): Promise<Answer> {
    const headers = { ...options.who, ...options.headers };
    return this.#fetch(`${this.#appliance.adminUrl}/api/v1${path}`, {
      method,
      headers,
      body: options.body ?? null,
    });
  }

  upload(
    path: string,
    fields: Record<string, string>,
    file: Buffer | string | undefined,
    who: Credentials,
  ): Promise<Answer> {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    if (file !== undefined) form.append('file', new File([new Uint8Array(Buffer.from(file))], 'people.csv'));
    return this.raw('POST', path, { who, body: form });
  }

  /** An upload of that many bytes that are never held in memory. */
  async uploadBytes(path: string, bytes: number, who: Credentials): Promise<Answer> {
    const headers = { ...who, 'content-type': 'multipart/form-data; boundary=x' };
    const req = request(`${this.#appliance.adminUrl}/api/v1${path}`, { method: 'POST', headers });
    const answered = once(req, 'response');
    let stopped = false;
    // A server that has heard enough may close the connection.
    req.on('error', () => (stopped = true));
    answered.then(
      () => (stopped = true),
      () => (stopped = true),
    );
    req.write('--x\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\nemail\n');
    const piece = Buffer.alloc(1024 * 1024, 'a@example.jp\n');
    for (let sent = 0; sent < bytes && !stopped; sent += piece.length) {
      if (!req.write(piece)) await Promise.race([once(req, 'drain'), answered]);
    }
    req.end('\r\n--x--\r\n');
    const [response] = await answered;
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk;
    return this.#answer(response.statusCode, new Headers(response.headers), text);
  }

  /** As a reader's browser does, on the public port; redirects are not followed. */
  reader(
    method: string,
    path: string,
    headers: Record<string, string> = { accept: 'text/html', 'accept-language': 'ja' },
    body?: string,
  ): Promise<Answer> {
    const url = `${this.#appliance.publicUrl}${path}`;
    return this.#fetch(url, { method, headers, body: body ?? null, redirect: 'manual' });
  }

  /** A GET of exactly this path, which fetch would tidy up; the whole answer as it came. */
  async bytes(path: string): Promise<string> {
    const { hostname, port } = new URL(this.#appliance.adminUrl);
    const socket = connect(Number(port), hostname);
    socket.write(`GET ${path} HTTP/1.1\r\nhost: ${hostname}\r\nconnection: close\r\n\r\n`);
    let answer = '';
    for await (const chunk of socket.setEncoding('utf8')) answer += chunk;
    return answer;
  }

  async #fetch(url: string, init: RequestInit): Promise<Answer> {
    const response = await fetch(url, init);
    return this.#answer(response.status, response.headers, await response.text());
  }

  #answer(status: number, headers: Headers, text: string): Answer {
    this.#seen(text);
    const type = headers.get('content-type') ?? '';
    return { status, type, headers, text, body: type.includes('json') ? JSON.parse(text) : undefined };
  }
}
