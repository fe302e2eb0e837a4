/** What happens between STARTTLS and the second EHLO: the handshake, the check of the server, and what is kept for the next time. */
import { createHash, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import tls from 'node:tls';
import type { TlsResult } from '../types.ts';
import type { Channel, LostInfo } from './channel.ts';
import type { SessionOptions, TlsProblem } from './types.ts';

export type StartTlsOutcome =
  | {
      ok: true;
      /** 'TLSv1.3 TLS_AES_256_GCM_SHA384' */
      tls: string;
      /** what a check that decides nothing has found */
      observed: TlsProblem | undefined;
    }
  | {
      ok: false;
      info: LostInfo;
      problem: TlsProblem;
      /** an old session was to be resumed: a handshake from the start may do better */
      stale: boolean;
    };

/** The handshake after the server's 220. A server that does not pass the check never sees another command. */
export async function startTls(channel: Channel, options: SessionOptions): Promise<StartTlsOutcome> {
  const { host, tls: wanted } = options;
  const checked = wanted.mode === 'verified' || wanted.observe === true;
  const byCas = checked && wanted.verify === undefined;
  let secureContext: tls.SecureContext;
  try {
    secureContext = contextFor(byCas ? wanted.ca : NO_CAS, wanted.clientCertificate);
  } catch (error) {
    const text = `the certificates of the relay cannot be used: ${String((error as Error).message)}`;
    channel.close(text);
    return { ok: false, info: channel.lost!, problem: { result: 'validation-failure', text }, stale: false };
  }
  const key = resumptionKey(options);
  const session = sessions.get(key);
  const servername = wanted.servername ?? host;
  const failed = await channel.startTls({
    // SNI is for names only (RFC 6066 §3).
    servername: isIP(servername) === 0 ? servername : '',
    secureContext,
    session,
    // Decided below, where the reason can be told.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  });
  if (failed !== undefined) {
    sessions.delete(key);
    const problem: TlsProblem = { result: 'validation-failure', text: failed.error };
    return { ok: false, info: failed, problem, stale: session !== undefined };
  }
  const socket = channel.socket as tls.TLSSocket;
  // A resumed session was checked when it was made: only what has passed is kept.
  const problem = checked && !socket.isSessionReused() ? check(socket, options) : undefined;
  if (problem !== undefined && wanted.mode === 'verified') {
    channel.close(problem.text);
    return { ok: false, info: channel.lost!, problem, stale: false };
  }
  const protocol = socket.getProtocol();
  if (problem === undefined) {
    // With TLS 1.3 the tickets come with the first bytes after the handshake, with 1.2 they are here already.
    const made = protocol === 'TLSv1.3' ? undefined : socket.getSession();
    if (made !== undefined) sessions.set(key, made);
    socket.on('session', (session: Buffer) => sessions.set(key, session));
  }
  return { ok: true, tls: `${protocol} ${socket.getCipher().standardName}`, observed: problem };
}

/** Is it the server that it should be? */
function check(socket: tls.TLSSocket, { host, tls: { verify } }: SessionOptions): TlsProblem | undefined {
  if (verify !== undefined) return verify(peerChain(socket));
  // A code such as CERT_HAS_EXPIRED, although its type says Error.
  const code = socket.authorizationError as unknown as string | null;
  if (code) return { result: resultOf(code), text: `the server's certificate is not valid: ${code}` };
  const error = tls.checkServerIdentity(host, socket.getPeerCertificate());
  return error && { result: 'certificate-host-mismatch', text: error.message };
}

/** RFC 8460 §4.3.1 */
function resultOf(code: string): TlsResult {
  if (code === 'CERT_HAS_EXPIRED') return 'certificate-expired';
  // Everything else that OpenSSL finds is about the chain: self-signed, unknown issuer, revoked, not yet valid…
  return 'certificate-not-trusted';
}

/** The server's certificate first, then its issuers as far as they are known. */
function peerChain(socket: tls.TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let at: tls.DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  // A self-signed certificate is its own issuer.
  while (at?.raw !== undefined && chain.length < MAX_CHAIN) {
    chain.push(new X509Certificate(at.raw));
    if (at.issuerCertificate === at) break;
    at = at.issuerCertificate;
  }
  return chain;
}
const MAX_CHAIN = 10;

// ---- contexts

/** Where nobody is checked against trusted certificates, looking for an issuer would only cost time. */
const NO_CAS = '';
const contexts = new Map<string, tls.SecureContext>();
const MAX_CONTEXTS = 200;

/** Made once for each set of certificates: reading the built-in ones takes milliseconds. */
function contextFor(
  ca: string | undefined,
  client: { cert: string; key: string } | undefined,
): tls.SecureContext {
  const key = digest([ca, client]);
  let context = contexts.get(key);
  if (context === undefined) {
    if (contexts.size >= MAX_CONTEXTS) contexts.clear();
    context = tls.createSecureContext({
      minVersion: 'TLSv1.2',
      ...(ca !== undefined && { ca: ca === NO_CAS ? [] : ca }),
      ...client,
    });
    contexts.set(key, context);
  }
  return context;
}

// ---- resumption

/**
 * Sessions by server and by what was asked of it: the many short connections to one provider cost one handshake with
 * certificates each otherwise. Short-lived, so that a certificate that was changed or has expired is looked at again soon.
 */
class Sessions {
  readonly #kept = new Map<string, { session: Buffer; until: number }>();

  get(key: string): Buffer | undefined {
    const found = this.#kept.get(key);
    if (found !== undefined && found.until > performance.now()) return found.session;
    this.#kept.delete(key);
    return undefined;
  }

  /** A renewed ticket keeps the time of the first: the check was made then. */
  set(key: string, session: Buffer): void {
    const until = this.#kept.get(key)?.until ?? performance.now() + SESSION_TTL;
    this.#kept.delete(key);
    // A Map keeps the order of insertion: the first key is the oldest.
    if (this.#kept.size >= MAX_SESSIONS) this.#kept.delete(this.#kept.keys().next().value!);
    this.#kept.set(key, { session, until });
  }

  delete(key: string): void {
    this.#kept.delete(key);
  }
}
const SESSION_TTL = 30 * 60_000;
const MAX_SESSIONS = 2000;
const sessions = new Sessions();

function resumptionKey({ host, address, port, tls: wanted }: SessionOptions): string {
  const { mode, observe, servername, ca, clientCertificate, verifyKey } = wanted;
  return digest([host, address, port, mode, observe, servername, ca, clientCertificate, verifyKey]);
}

const digest = (parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64');
