/**
 * The words of the SMTP client. A session speaks with one server over one connection; a transaction is one mail to
 * one recipient. Times are milliseconds.
 */
import type { X509Certificate } from 'node:crypto';
import type { Phase, TlsMode, TlsPolicyName, TlsResult } from '../types.ts';

/** A complete reply (RFC 5321 §4.2). */
export interface Reply {
  /** 200 to 599 */
  readonly code: number;
  /** enhanced status (RFC 3463) when there is one and its class agrees with the code (RFC 2034 §3), else '' */
  readonly status: string;
  /** every line as it came, code included, joined with LF; control characters replaced */
  readonly text: string;
}

/** How long to wait, by what is waited for: the minimums of RFC 5321 §4.5.3.2, except where timeouts.ts says why not. */
export interface Timeouts {
  connect: number;
  banner: number;
  ehlo: number;
  starttls: number;
  /** the handshake after STARTTLS's 220 */
  handshake: number;
  auth: number;
  mail: number;
  rcpt: number;
  data: number;
  /** one write of the message without any progress */
  block: number;
  dot: number;
  rset: number;
  quit: number;
}

/** Time as the session sees it; tests give their own. */
export interface Clock {
  now(): number;
  setTimer(run: () => void, ms: number): unknown;
  clearTimer(timer: unknown): void;
}

export interface SessionOptions {
  /** the server's name: for SNI, the certificate and messages */
  host: string;
  /** IPv4 or IPv6 literal */
  address: string;
  port: number;
  /** source address to bind; when it cannot be bound the session fails and never uses another one */
  localAddress?: string | undefined;
  ehloName: string;
  tls: SessionTls;
  /** only sent over TLS, or in clear to loopback */
  auth?: { user: string; password: string } | undefined;
  timeouts?: Partial<Timeouts> | undefined;
  clock?: Clock | undefined;
}

export interface SessionTls {
  mode: TlsMode;
  /** what decided it, for the ledger; default: the mode */
  policy?: TlsPolicyName | undefined;
  /** PEM certificates to trust instead of the built-in ones */
  ca?: string | undefined;
  /** PEM; shown to the server when it asks for one */
  clientCertificate?: { cert: string; key: string } | undefined;
  /** name for SNI, default: the host's */
  servername?: string | undefined;
  /** checks the server's certificates (its own first, then the issuers it has sent) instead of comparing them with `ca` (DANE) */
  verify?: ((chain: readonly X509Certificate[]) => TlsProblem | undefined) | undefined;
  /** names what `verify` asks for: only sessions with the same one are resumed */
  verifyKey?: string | undefined;
  /** the certificate is checked although the mode does not ask for it, and what is wrong is only told (MTA-STS testing) */
  observe?: boolean | undefined;
}

/** What was wrong with TLS at a server, in the words of RFC 8460 §4.3 and in full. */
export interface TlsProblem {
  result: TlsResult;
  text: string;
}

/** What an opening has found out about TLS, whether or not it succeeded. */
export interface TlsFindings {
  /** STARTTLS was tried and failed, so that an opportunistic session went on in clear: remember it per host */
  tlsFailed?: TlsProblem | undefined;
  /** what a TLS report counts for this session; undefined: a success, or TLS was not wanted or not reached */
  tlsProblem?: TlsProblem | undefined;
}

export type OpenOutcome =
  | ({ ok: true; session: Session } & TlsFindings)
  | ({
      ok: false;
      phase: Phase;
      /** the server's refusal; a 5xx banner means "try the next MX" (RFC 5321 §4.2.1, 554 at opening) */
      reply?: Reply | undefined;
      /** what went wrong when it was not a reply, e.g. 'ECONNREFUSED', 'timeout (banner, 300 s)' */
      error?: string | undefined;
      /** the server was reached and is not as encrypted or authenticated as it must be: `tlsProblem` says why */
      tlsUnmet?: boolean | undefined;
      /** what asked for it, with `tlsUnmet` */
      tlsPolicy?: TlsPolicyName | undefined;
      /** the source address cannot be bound: says nothing about the server */
      bindFailed?: boolean | undefined;
      ms: number;
    } & TlsFindings);

export interface Mail {
  /** without angle brackets; '' is the null reverse-path */
  mailFrom: string;
  /** without angle brackets, quoted as it shall go out */
  rcptTo: string;
  /** header and body, CRLF line ends, not dot-stuffed */
  message: Buffer;
  /** the message holds bytes above 127: needs 8BITMIME */
  eightBit?: boolean | undefined;
}

export type SendOutcome =
  /** the 2xx after the final dot: the server has it */
  | { kind: 'accepted'; reply: Reply; ms: number }
  /** a 4xx or 5xx to MAIL, RCPT, DATA or the final dot */
  | { kind: 'refused'; phase: Phase; reply: Reply; ms: number }
  | {
      kind: 'lost';
      /** what was waited for */
      phase: Phase;
      error: string;
      /** a 421 that closed the session, when there was one */
      reply?: Reply | undefined;
      /** true: a reused connection ended before MAIL was accepted: nothing was tried, costs no attempt */
      free: boolean;
      /** true: the whole message was on its way when the connection ended, so trying again may deliver it twice */
      duplicateRisk: boolean;
      ms: number;
    }
  /** not sent because the server cannot take it, or must not be sent; a synthetic reply, e.g. 5.3.4, 5.6.7 */
  | { kind: 'local'; reply: Reply };

export interface Capabilities {
  /** EHLO was understood */
  readonly esmtp: boolean;
  readonly pipelining: boolean;
  readonly eightBitMime: boolean;
  readonly smtpUtf8: boolean;
  readonly startTls: boolean;
  /** SIZE was offered */
  readonly sizeOffered: boolean;
  /** largest message in bytes, 0 when there is no fixed limit */
  readonly size: number;
  /** upper case */
  readonly auth: readonly string[];
}

export interface SessionInfo {
  /** 'TLSv1.3 TLS_AES_256_GCM_SHA384', '' in clear */
  readonly tls: string;
  readonly tlsPolicy: TlsPolicyName;
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly capabilities: Capabilities;
}

export interface CloseInfo {
  /** why, '' after our own QUIT */
  error: string;
  /** the server's 421, when it sent one */
  reply?: Reply | undefined;
}

export interface Session {
  readonly info: SessionInfo;
  /** transactions begun */
  readonly messages: number;
  /** transactions begun and not settled: 0, 1 or (with PIPELINING) 2 */
  readonly inFlight: number;
  /**
   * `send` may be called. With PIPELINING it is true again as soon as the message and its dot were written, so the
   * next mail's commands travel while the last reply is still awaited (RFC 2920 §3.1).
   */
  readonly canSend: boolean;
  readonly open: boolean;
  /**
   * Called whenever canSend has become true again, never once the session is closed. With PIPELINING it is called
   * inside the write of the dot: a `send` from within it shares that write (one system call for both).
   */
  onReady: (() => void) | undefined;
  /** Called once, after the outcomes of everything in flight. */
  onClose: ((info: CloseInfo) => void) | undefined;
  readonly closed: Promise<CloseInfo>;
  /** Never rejects. When it may not be called (`canSend` false) the outcome is lost, free. */
  send(mail: Mail): Promise<SendOutcome>;
  /** QUIT after what is in flight; its reply is ignored (RFC 5321 §4.1.1.10). Resolves when the connection is gone. */
  quit(): Promise<void>;
  /** Ends the connection at once. */
  destroy(error?: string): void;
}
