/** Fetches a domain's MTA-STS policy from its policy host (RFC 8461 §3.3). */
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { TlsProblem } from '../smtp/types.ts';
import { isPublicAddress } from './address.ts';
import type { Resolver } from './dns.ts';

export type StsFetched = { ok: true; text: string } | { ok: false; problem: TlsProblem };

/** `allowPrivate`: a route names the domain, so its policy host may be inside the company. Never rejects. */
export type StsFetcher = (domain: string, allowPrivate: boolean) => Promise<StsFetched>;

export interface StsFetcherOptions {
  resolver: Resolver;
  /** PEM, instead of the built-in certificates */
  ca?: string | undefined;
  /** default 443 */
  port?: number | undefined;
  /** ms for all of it; the RFC suggests a minute, but a mail waits for it. Default 30,000 */
  timeoutMs?: number | undefined;
}

const MAX_BYTES = 64 * 1024;

export function createStsFetcher({ resolver, ca, port, timeoutMs = 30_000 }: StsFetcherOptions): StsFetcher {
  async function addressesOf(host: string, allowPrivate: boolean): Promise<string[] | string> {
    const answers = await Promise.all([resolver.a(host), resolver.aaaa(host)]);
    const found = answers.flatMap((answer) => (answer.kind === 'records' ? answer.records : []));
    const allowed = found.filter((address) => allowPrivate || isPublicAddress(address));
    if (allowed.length > 0) return allowed;
    // Anybody can publish a policy host: it must not make us knock at doors of our own network.
    return found.length > 0
      ? `${host} is at ${found[0]}, which is not a public address`
      : `${host} has no address`;
  }

  return async (domain, allowPrivate) => {
    const host = `mta-sts.${domain}`;
    const addresses = await addressesOf(host, allowPrivate);
    if (typeof addresses === 'string') return failed('sts-policy-fetch-error', addresses);
    const lookup: LookupFunction = (_, { all }, callback) => {
      const list = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
      if (all) callback(null, list);
      else callback(null, list[0]!.address, list[0]!.family);
    };
    return new Promise((resolve) => {
      const refuse = (text: string): void => {
        resolve(failed('sts-policy-fetch-error', text));
        request.destroy();
      };
      let socket: TLSSocket | undefined;
      const request = https.get({
        host,
        port,
        path: '/.well-known/mta-sts.txt',
        headers: { accept: 'text/plain', 'user-agent': 'Todoke' },
        lookup,
        ca,
        minVersion: 'TLSv1.2',
        // The connection is for this once.
        agent: false,
        signal: AbortSignal.timeout(timeoutMs),
      });
      request.on('socket', (used) => {
        socket = used as TLSSocket;
      });
      request.on('error', (error: NodeJS.ErrnoException) => {
        const text =
          error.name === 'TimeoutError' || error.name === 'AbortError'
            ? `no answer within ${timeoutMs / 1000} s`
            : error.message;
        // Set by Node before it refuses the server.
        resolve(failed(socket?.authorizationError ? 'sts-webpki-invalid' : 'sts-policy-fetch-error', text));
      });
      request.on('response', (response) => {
        const { statusCode, headers } = response;
        // §3.3: anything but a 200 is a failure, redirects above all.
        if (statusCode !== 200) return refuse(`${host} answered ${statusCode}`);
        const type = headers['content-type'] ?? '';
        if (!/^text\/plain(?:\s*;|\s*$)/i.test(type))
          return refuse(`the policy is ${type || 'of no type'}, not text/plain`);
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > MAX_BYTES) return refuse(`the policy is larger than ${MAX_BYTES} bytes`);
          chunks.push(chunk);
        });
        response.on('end', () => resolve({ ok: true, text: Buffer.concat(chunks).toString() }));
        response.on('error', (error) => refuse(error.message));
      });
    });
  };
}

const failed = (result: TlsProblem['result'], text: string): StsFetched => ({
  ok: false,
  problem: { result, text },
});
