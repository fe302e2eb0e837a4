/** The one place that speaks HTTP with receivers: resolves, checks, pins the address, posts once, reads a little. */
import { lookup } from 'node:dns/promises';
import { type ClientRequest, type IncomingMessage, Agent as PlainAgent, request as plain } from 'node:http';
import { Agent as SecureAgent, request as secure } from 'node:https';
import { isIP } from 'node:net';
import { VERSION } from '../version.ts';
import { type Answer, readRetryAfter, type TargetError } from './retry.ts';
import { type AllowedTarget, checkTarget, hostOf } from './target.ts';

const TIMEOUT = 10_000;
/** bytes of the answer that are read, and characters of it that are kept */
const READ_AT_MOST = 4096;
const KEPT = 500;
/** ms that an idle connection is kept for the next batch */
const IDLE = 15_000;

export type Lookup = (host: string) => Promise<string[]>;
const systemLookup: Lookup = async (host) =>
  (await lookup(host, { all: true })).map(({ address }) => address);

/** Addresses of the host of a URL: its own when it is one. @throws when the name is not known */
export async function addressesOf(url: URL, resolve: Lookup = systemLookup): Promise<string[]> {
  const host = hostOf(url);
  return isIP(host) ? [host] : await resolve(host);
}

export interface Post {
  url: URL;
  headers: Record<string, string>;
  body: Buffer;
  allowed: readonly AllowedTarget[];
  /** which of several addresses comes first, from 0 */
  attempt: number;
}

interface Options {
  resolve?: Lookup | undefined;
  /** ms for everything: resolving, connecting, the answer */
  timeout?: number | undefined;
}

/** Keeps connections for the next batch. Nothing is thrown but by `close` or the abort of `signal`. */
export class Poster {
  readonly #http = new PlainAgent({ keepAlive: true, timeout: IDLE });
  readonly #https = new SecureAgent({ keepAlive: true, timeout: IDLE });
  readonly #resolve: Lookup;
  readonly #timeout: number;

  constructor({ resolve = systemLookup, timeout = TIMEOUT }: Options = {}) {
    this.#resolve = resolve;
    this.#timeout = timeout;
  }

  async send(post: Post, signal: AbortSignal): Promise<Answer> {
    const started = performance.now();
    const ms = (): number => Math.round(performance.now() - started);
    const failed = (error: TargetError, response: string): Answer => ({
      status: 0,
      error,
      response: clean(response),
      ms: ms(),
      retryAfter: null,
    });
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(this.#timeout)]);
    let addresses: string[];
    try {
      addresses = await orAbort(addressesOf(post.url, this.#resolve), deadline);
    } catch (error) {
      signal.throwIfAborted();
      if (deadline.aborted) return failed('timeout', `${hostOf(post.url)} could not be resolved in time`);
      return failed('dns', (error as Error).message);
    }
    const check = checkTarget(post.url, addresses, post.allowed);
    if (!check.ok) return failed('target-refused', check.message);
    const address = addresses[post.attempt % addresses.length];
    if (address === undefined) return failed('dns', `${hostOf(post.url)} has no address`);
    try {
      const { status, response, retryAfter } = await this.#exchange(post, address, deadline);
      return { status, error: '', response, ms: ms(), retryAfter: readRetryAfter(retryAfter, Date.now()) };
    } catch (error) {
      signal.throwIfAborted();
      if (deadline.aborted) return failed('timeout', `no answer within ${this.#timeout / 1000} s`);
      return failed(errorOf(error as NodeJS.ErrnoException), `${address}: ${(error as Error).message}`);
    }
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  /** The server may have closed a kept connection at the moment it was used: then a new one, once. */
  async #exchange(post: Post, address: string, signal: AbortSignal): Promise<Exchange> {
    for (;;) {
      const request = this.#request(post, address, signal);
      try {
        return await exchange(request, post.body);
      } catch (error) {
        if (signal.aborted || !request.reusedSocket || !isLost(error as NodeJS.ErrnoException)) throw error;
      }
    }
  }

  /** To the address that was checked, whatever the name resolves to by now; TLS and Host go by the name. */
  #request({ url, headers, body }: Post, address: string, signal: AbortSignal): ClientRequest {
    const host = hostOf(url);
    const options = {
      method: 'POST',
      host: address,
      path: url.pathname + url.search,
      headers: {
        host: url.host,
        'user-agent': `Todoke/${VERSION}`,
        accept: '*/*',
        'content-type': 'application/json',
        'content-length': body.length,
        ...headers,
      },
      signal,
    };
    if (url.protocol === 'http:') return plain({ ...options, port: url.port || 80, agent: this.#http });
    // No address in SNI (RFC 6066 §3): the certificate is then checked for the address itself.
    const servername = isIP(host) ? '' : host;
    return secure({ ...options, port: url.port || 443, servername, agent: this.#https });
  }
}

interface Exchange {
  status: number;
  response: string;
  retryAfter: string | undefined;
}

function exchange(request: ClientRequest, body: Buffer): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    request.on('error', reject);
    // Redirects are not followed: what they name was not checked.
    request.on('response', (message) => {
      const { statusCode = 0, headers } = message;
      readSome(message).then((response) =>
        resolve({ status: statusCode, response, retryAfter: headers['retry-after'] }),
      );
    });
    request.end(body);
  });
}

/** The beginning of the answer, as much as comes: what counts is the status. */
function readSome(message: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const done = (): void => resolve(clean(Buffer.concat(chunks).subarray(0, READ_AT_MOST).toString('utf8')));
    message.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length < READ_AT_MOST) return;
      message.destroy();
      done();
    });
    message.on('end', done);
    message.on('error', done);
    message.on('close', done);
  });
}

/** Without control characters, and short enough for a table. */
const clean = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  text.replace(/[\u0000-\u0008\u000b-\u001f\u007f\ufffd]/g, '').slice(0, KEPT);

function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    work.then(resolve, reject);
  });
}

const isLost = ({ code = '' }: NodeJS.ErrnoException): boolean => code === 'ECONNRESET' || code === 'EPIPE';

function errorOf(error: NodeJS.ErrnoException): TargetError {
  const code = error.code ?? '';
  if (isLost(error)) return 'connection-lost';
  if (/^HPE_/.test(code)) return 'not-http';
  if (/CERT|^ERR_TLS|^ERR_SSL|^EPROTO$|SELF_SIGNED|UNABLE_TO/.test(code)) return 'tls';
  return 'connect';
}
